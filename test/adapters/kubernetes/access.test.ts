import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readServiceAccount } from "../../../src/adapters/kubernetes/cluster-access.ts";
import { readKubeconfig } from "../../../src/adapters/kubernetes/kubeconfig.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");

/** A kubeconfig in a folder with a CA and a token beside it. */
function kubeconfig(user: object, cluster: object = {}, more: object = {}) {
  const folder = temporaryDirectory();
  mkdirSync(join(folder, "pki"));
  writeFileSync(join(folder, "pki", "ca.crt"), "CA");
  writeFileSync(join(folder, "token"), "from-file\n");
  const path = join(folder, "kubeconfig");
  writeFileSync(
    path,
    JSON.stringify({
      "current-context": "now",
      contexts: [
        { name: "other", context: { cluster: "x", user: "x" } },
        { name: "now", context: { cluster: "c", user: "u" } },
      ],
      clusters: [
        {
          name: "c",
          cluster: { server: "https://10.99.0.1:6443/", "certificate-authority": "pki/ca.crt", ...cluster },
        },
      ],
      users: [{ name: "u", user }],
      ...more,
    }),
  );
  return { path, folder };
}

describe("a kubeconfig", () => {
  it.each([
    ["a token", { token: "t" }, {}, { token: "t", tls: { ca: "CA" } }],
    ["a token's file, which wins", { token: "t", tokenFile: "token" }, {}, { token: "from-file" }],
    [
      "a client certificate",
      { "client-certificate-data": base64("CERT"), "client-key-data": base64("KEY") },
      { "tls-server-name": "kubernetes" },
      { tls: { ca: "CA", cert: "CERT", key: "KEY", servername: "kubernetes" } },
    ],
    [
      "data, which wins over a file",
      { token: "t" },
      { "certificate-authority-data": base64("CA2") },
      { tls: { ca: "CA2" } },
    ],
    [
      "no check of the server",
      { token: "t" },
      { "insecure-skip-tls-verify": true },
      { tls: { rejectUnauthorized: false } },
    ],
  ])("gives access by %s", (_, user, cluster, access) => {
    const { path } = kubeconfig(user, cluster);
    expect(readKubeconfig(path)).toMatchObject({ server: "https://10.99.0.1:6443", ...access });
  });

  it("is read anew each time: a token that was replaced counts at once", () => {
    const { path, folder } = kubeconfig({ tokenFile: "token" });
    expect(readKubeconfig(path).token).toBe("from-file");
    writeFileSync(join(folder, "token"), "newer");
    expect(readKubeconfig(path).token).toBe("newer");
  });

  it.each([
    ["a program to run", { exec: { command: "aws" } }, {}, {}, 'logs in by "exec"'],
    ["a provider", { "auth-provider": { name: "gcp" } }, {}, {}, 'logs in by "auth-provider"'],
    ["a password", { username: "a", password: "b" }, {}, {}, 'logs in by "username"'],
    ["another user's name", { token: "t", as: "root" }, {}, {}, 'logs in by "as"'],
    ["a proxy", { token: "t" }, { "proxy-url": "http://p" }, {}, "proxy-url"],
    ["nothing", {}, {}, {}, "neither a client certificate nor a token"],
    ["half a certificate", { "client-key-data": base64("KEY") }, {}, {}, "without its certificate"],
    ["plain HTTP", { token: "t" }, { server: "http://10.99.0.1" }, {}, "clusters.0.cluster.server"],
    ["no such context", { token: "t" }, {}, { "current-context": "gone" }, 'no context "gone"'],
    ["no such cluster", { token: "t" }, {}, { clusters: [] }, 'no cluster "c"'],
    ["no such user", { token: "t" }, {}, { users: [] }, 'no user "u"'],
    ["a missing file", { tokenFile: "gone" }, {}, {}, "gone: ENOENT"],
  ])("is refused with %s", (_, user, cluster, more, words) => {
    const { path } = kubeconfig(user, cluster, more);
    expect(() => readKubeconfig(path)).toThrow(
      expect.objectContaining({
        detail: expect.objectContaining({ code: "ACCESS_INVALID" }),
        message: expect.stringContaining(words),
      }),
    );
  });

  it("that is no YAML is refused without a word of its content", () => {
    const { path } = kubeconfig({});
    writeFileSync(path, "token: [secret-token");
    expect(() => readKubeconfig(path)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("secret-token") }),
    );
  });
});

describe("a service account", () => {
  const folder = () => {
    const path = temporaryDirectory();
    writeFileSync(join(path, "ca.crt"), "CA");
    writeFileSync(join(path, "token"), "sa-token\n");
    return path;
  };

  it.each([
    ["10.96.0.1", "https://10.96.0.1:6443"],
    ["fd00::1", "https://[fd00::1]:6443"],
  ])("gives access to the API server at %s", (host, server) => {
    const environment = { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: "6443" };
    expect(readServiceAccount(environment, folder())).toEqual({
      server,
      tls: { ca: "CA" },
      token: "sa-token",
    });
  });

  it("is none outside of a pod", () => {
    expect(() => readServiceAccount({}, folder())).toThrow(/kubernetes.kubeconfig must name a file/);
  });
});
