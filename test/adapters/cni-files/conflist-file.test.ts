import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createConflistFile } from "../../../src/adapters/cni-files/conflist-file.ts";
import { createProofFile } from "../../../src/adapters/state-files/proof-file.ts";

const { signal } = new AbortController();
let directory: string;
let confDir: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "headcni-conflist-"));
  confDir = join(directory, "net.d");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const conflist = (overrides = {}) =>
  createConflistFile({
    confDir,
    confName: "10-headcni.conflist",
    networkName: "headcni",
    socketPath: "/run/headcni/cni.sock",
    plugins: [{ type: "portmap", capabilities: { portMappings: true } }],
    ...overrides,
  });

describe("the conflist", () => {
  test("names both CNI versions, the socket and the chained plugins", async () => {
    expect(await conflist().publish(signal)).toMatchObject({ changed: true, shadowedBy: [] });
    expect(readdirSync(confDir)).toEqual(["10-headcni.conflist"]);
    expect(JSON.parse(readFileSync(join(confDir, "10-headcni.conflist"), "utf8"))).toEqual({
      cniVersion: "1.0.0",
      cniVersions: ["1.0.0", "1.1.0"],
      name: "headcni",
      loadOnlyInlinedPlugins: true,
      plugins: [
        { type: "headcni", socketPath: "/run/headcni/cni.sock" },
        { type: "portmap", capabilities: { portMappings: true } },
      ],
    });
  });

  test("is left alone when its bytes are right, and replaced whole when not", async () => {
    const { path } = await conflist().publish(signal);
    const before = statSync(path);
    expect((await conflist().publish(signal)).changed).toBe(false);
    expect(statSync(path)).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs });
    expect((await conflist({ plugins: [] }).publish(signal)).changed).toBe(true);
    expect(statSync(path).ino).not.toBe(before.ino);
  });

  test("reports the configurations that the runtime takes instead", async () => {
    mkdirSync(confDir);
    for (const name of ["05-cilium.conflist", "00-notes.txt", "99-loopback.conf", ".00-hidden.conf"])
      writeFileSync(join(confDir, name), "{}");
    expect((await conflist().publish(signal)).shadowedBy).toEqual(["05-cilium.conflist"]);
  });

  test("leaves no part of a file behind when it cannot be written", async () => {
    mkdirSync(join(confDir, "10-headcni.conflist"), { recursive: true });
    await expect(conflist().publish(signal)).rejects.toMatchObject({
      detail: { code: "NOT_WRITTEN", path: join(confDir, "10-headcni.conflist"), reason: "EISDIR" },
    });
    expect(readdirSync(confDir)).toEqual(["10-headcni.conflist"]);
  });

  test("does not appear once its writing was given up", async () => {
    await expect(conflist().publish(AbortSignal.abort())).rejects.toMatchObject({
      detail: { code: "NOT_WRITTEN" },
    });
    expect(readdirSync(confDir)).toEqual([]);
  });

  test("can be removed twice", async () => {
    await conflist().publish(signal);
    await conflist().remove();
    await conflist().remove();
    expect(readdirSync(confDir)).toEqual([]);
  });
});

describe("the proof", () => {
  const identity = { nodeName: "n1", headscaleUrl: "http://h", nodePodCidrs: ["10.244.1.0/24", "fd00::/64"] };
  const proof = (overrides: Partial<typeof identity> = {}) => {
    const { nodePodCidrs, ...rest } = { ...identity, ...overrides };
    const file = createProofFile({ path: join(directory, "state", "proven.json"), identity: rest });
    return {
      recall: file.recall,
      record: (signal: AbortSignal) => file.record(nodePodCidrs, signal),
      remove: file.remove,
    };
  };

  test("holds for the identity it was made for, and for no other", async () => {
    expect(await proof().recall()).toEqual([]);
    await proof().record(signal);
    expect(await proof().recall()).toEqual(["10.244.1.0/24", "fd00::/64"]);
    for (const other of [{ nodeName: "n2" }, { headscaleUrl: "http://i" }])
      expect(await proof(other).recall()).toEqual([]);
  });

  test.each(["", "{", "[]", '{"nodeName":1}', "null"])(
    "counts as none when the file holds %j",
    async (content) => {
      mkdirSync(join(directory, "state"));
      writeFileSync(join(directory, "state", "proven.json"), content);
      expect(await proof().recall()).toEqual([]);
      await proof().record(signal);
      expect(await proof().recall()).not.toEqual([]);
    },
  );

  test("can be removed twice", async () => {
    await proof().record(signal);
    await proof().remove();
    await proof().remove();
    expect(await proof().recall()).toEqual([]);
  });
});
