import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import type { ConnectionOptions } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { clusterAccess, createApiTransport } from "../../../src/adapters/kubernetes/api-transport.ts";
import { kubeConfigReader, nodeConfigReader } from "../../../src/adapters/kubernetes/kube-config.ts";
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

const accessOf = async (...paths: readonly string[]) => {
  const { way, ...access } = await clusterAccess(kubeConfigReader(paths)());
  const proxy = "uri" in way ? way.uri : undefined;
  const { ca, cert, key, ...tls }: ConnectionOptions =
    "requestTls" in way ? way.requestTls : way.type === "agent" ? way.connect : {};
  const text = (value: unknown) => (value === undefined ? undefined : String(value));
  return { ...access, proxy, tls: { ...tls, ca: text(ca), cert: text(cert), key: text(key) } };
};

/** A program as the kubeconfig's users name it. */
function plugin(folder: string, script: string): string {
  writeFileSync(join(folder, "plugin"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return "./plugin";
}
const credential = (status: object) =>
  `echo '${JSON.stringify({ apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status })}'`;

describe("a kubeconfig", () => {
  it.each([
    ["a token", { token: "t" }, {}, { headers: { authorization: "Bearer t" }, tls: { ca: "CA" } }],
    [
      "a token's file, which wins",
      { token: "t", tokenFile: "token" },
      {},
      { headers: { authorization: "Bearer from-file" } },
    ],
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
    [
      "a password",
      { username: "a", password: "b" },
      {},
      { headers: { authorization: `Basic ${base64("a:b")}` } },
    ],
    [
      "another user's name",
      { token: "t", as: "jane" },
      {},
      { headers: { authorization: "Bearer t", "impersonate-user": "jane" } },
    ],
    [
      "a proxy",
      { token: "t" },
      { "proxy-url": "http://p:3128" },
      { proxy: "http://p:3128", tls: { ca: "CA" } },
    ],
    [
      "an OIDC provider",
      { "auth-provider": { name: "oidc", config: { "id-token": idToken() } } },
      {},
      { headers: { authorization: `Bearer ${idToken()}` } },
    ],
  ])("gives access by %s", async (_, user, cluster, access) => {
    const { path } = kubeconfig(user, cluster);
    expect(await accessOf(path)).toMatchObject({ server: "https://10.99.0.1:6443", ...access });
  });

  it("gives access by a program beside it, which runs once", async () => {
    const { path, folder } = kubeconfig({ exec: { command: "./plugin" } });
    plugin(
      folder,
      `[ ! -e ${folder}/ran ] || exit 1; touch ${folder}/ran; ${credential({ token: "by-plugin" })}`,
    );
    const read = kubeConfigReader([path]);
    for (const _ of [1, 2])
      expect(await clusterAccess(read())).toMatchObject({ headers: { authorization: "Bearer by-plugin" } });
  });

  it("gives access by a client certificate of its program", async () => {
    const { path, folder } = kubeconfig({ exec: { command: "./plugin" } });
    plugin(folder, credential({ clientCertificateData: "CERT", clientKeyData: "KEY" }));
    expect(await accessOf(path)).toMatchObject({ tls: { ca: "CA", cert: "CERT", key: "KEY" } });
  });

  it("tells what its program said when it failed", async () => {
    const { path, folder } = kubeconfig({ exec: { command: "./plugin" } });
    plugin(folder, "echo 'please log in first' >&2; exit 3");
    await expect(accessOf(path)).rejects.toThrow('user "u": please log in first');
  });

  it("is read anew each time: what was replaced counts at once", async () => {
    const { path, folder } = kubeconfig({ tokenFile: "token" });
    const read = kubeConfigReader([path]);
    const token = async () => (await clusterAccess(read())).headers["authorization"];
    expect(await token()).toBe("Bearer from-file");
    writeFileSync(join(folder, "token"), "newer");
    expect(await token()).toBe("Bearer newer");
    writeFileSync(path, JSON.stringify({ ...oneUser("u2"), "current-context": "c-u2" }));
    expect(await token()).toBe("Bearer token-of-u2");
  });

  it("is joined with others as kubectl does: the first of a name counts, absent files are passed over", async () => {
    const folder = temporaryDirectory();
    const [first, second] = [join(folder, "first"), join(folder, "second")];
    writeFileSync(first, JSON.stringify({ users: oneUser("a").users }));
    writeFileSync(
      second,
      JSON.stringify({
        ...oneUser("a"),
        users: [{ name: "a", user: { token: "the second's" } }],
        "current-context": "c-a",
      }),
    );
    expect(await accessOf(join(folder, "absent"), first, second)).toMatchObject({
      server: "https://a.example:6443",
      headers: { authorization: "Bearer token-of-a" },
    });
  });

  it("serves a named context although its other entries are broken and no context is current", async () => {
    const good = oneUser("a");
    const { path } = kubeconfig(
      {},
      {},
      {
        "current-context": undefined,
        contexts: [{ name: "half", context: null }, { context: { cluster: "c" } }, null, ...good.contexts],
        clusters: [
          { name: "half", cluster: {} },
          { name: "number", cluster: { server: "https://x", "certificate-authority": 7 } },
          { name: "http", cluster: { server: "http://x" } },
          { cluster: { server: "https://nameless" } },
          ...good.clusters,
        ],
        users: [
          { name: "half", user: { "client-key": "gone", exec: {} } },
          { name: null, user: { token: "nameless" } },
          null,
          ...good.users,
        ],
      },
    );
    expect(await clusterAccess(kubeConfigReader([path], "c-a")())).toMatchObject({
      headers: { authorization: "Bearer token-of-a" },
    });
  });

  it.each([
    [
      "groups to act as",
      { token: "t", as: "a", "as-groups": ["b"] },
      {},
      {},
      '"as-groups", which is not supported',
    ],
    ["a SOCKS proxy", { token: "t" }, { "proxy-url": "socks5://p" }, {}, "only HTTP proxies"],
    ["nothing", {}, {}, {}, "no client certificate, token"],
    ["half a certificate", { "client-key-data": base64("KEY") }, {}, {}, "without its certificate"],
    ["plain HTTP", { token: "t" }, { server: "http://10.99.0.1" }, {}, "must begin with https://"],
    [
      "no such context",
      { token: "t" },
      {},
      { "current-context": "gone" },
      'no context "gone", only other, now',
    ],
    ["no such cluster", { token: "t" }, {}, { clusters: [] }, 'no cluster "c"'],
    ["no such user", { token: "t" }, {}, { users: [] }, 'no user "u"'],
    ["a missing file", { tokenFile: "gone" }, {}, {}, "gone: ENOENT"],
    ["users that are no list", { token: "t" }, {}, { users: 7 }, "users is wrong"],
  ])("is refused with %s", async (_, user, cluster, more, words) => {
    const { path } = kubeconfig(user, cluster, more);
    await expect(accessOf(path)).rejects.toThrow(
      expect.objectContaining({
        detail: expect.objectContaining({ code: "ACCESS_INVALID" }),
        message: expect.stringContaining(words),
      }),
    );
  });

  it("that contains itself is refused, with its place", async () => {
    const { path } = kubeconfig({});
    writeFileSync(path, "extensions: &a [*a]");
    await expect(accessOf(path)).rejects.toThrow(
      expect.objectContaining({ message: expect.stringMatching(`${path}.*contains itself`) }),
    );
  });

  it("that is no YAML is refused without a word of its content", async () => {
    const { path } = kubeconfig({});
    writeFileSync(path, "token: [secret-token");
    await expect(accessOf(path)).rejects.toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("secret-token") }),
    );
  });
});

/** A context c-NAME with a cluster and a user of that name. */
function oneUser(name: string) {
  return {
    contexts: [{ name: `c-${name}`, context: { cluster: name, user: name } }],
    clusters: [{ name, cluster: { server: `https://${name}.example:6443` } }],
    users: [{ name, user: { token: `token-of-${name}` } }],
  };
}

/** A token that is valid for long; its signature is the API server's to judge. */
function idToken(): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "none" })}.${part({ exp: 4_000_000_000 })}.sig`;
}

describe("a service account", () => {
  it("is none outside of a pod", () => {
    expect(() => nodeConfigReader(undefined, {})()).toThrow(/kubernetes.kubeconfig must name a file/);
  });
});

it("a proxy that takes connections and says nothing is given up as soon as a silent API server", async () => {
  const proxy = createServer((client) => void client.on("error", () => undefined).resume());
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  const { port } = proxy.address() as AddressInfo;
  const { path } = kubeconfig({ token: "t" }, { "proxy-url": `http://127.0.0.1:${port}` });
  const transport = createApiTransport(kubeConfigReader([path]));
  onTestFinished(async () => {
    await transport.close();
    proxy.close();
  });
  await expect(
    transport.stream({ method: "GET", path: "/" }, 60_000, AbortSignal.timeout(20_000)),
  ).rejects.toThrow(/UND_ERR_HEADERS_TIMEOUT/);
});
