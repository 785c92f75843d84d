import { execFileSync } from "node:child_process";
import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { noNamespaces } from "../support/architecture-under-test.ts";
import { until } from "../support/until.ts";
import { callVectors } from "./call-vectors.ts";
import { expectVector, stdinOf } from "./expect-vector.ts";
import { runStub, startDaemon, stubUnderTest } from "./real-stub.ts";
import { places } from "./vector-parts.ts";

const namespace = `hcelf${process.pid}`;
const netns = `/run/netns/${namespace}`;
const add = { CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1", CNI_NETNS: netns, CNI_IFNAME: "eth0" };
let stub = "";

beforeAll(async () => {
  stub = await stubUnderTest();
  execFileSync("ip", ["netns", "add", namespace]);
}, 300_000);
afterAll(() => {
  execFileSync("ip", ["netns", "del", namespace]);
});

async function spoolOf(runtimeDir: string): Promise<ReadonlyMap<string, string>> {
  const directory = join(runtimeDir, "deleted");
  const names = await readdir(directory).catch(() => []);
  const files = names.map(async (name) => [name, await readFile(join(directory, name), "utf8")] as const);
  return new Map(await Promise.all(files));
}

function configFor(socketPath: string): string {
  return JSON.stringify({ cniVersion: "1.1.0", name: "headcni", socketPath });
}

describe("the ELF", () => {
  it("is one static file", async () => {
    const headers = execFileSync("readelf", ["--program-headers", stub], { encoding: "utf8" });
    expect(headers).not.toContain("INTERP");
    expect((await stat(stub)).mode & 0o111).not.toBe(0);
  });

  it.for(callVectors(netns))("$title", { timeout: 20_000 }, async (vector, { skip }) => {
    await using daemon = await startDaemon(vector.daemon ?? { kind: "closes" });
    const run = await runStub(stub, vector.env, stdinOf(vector, daemon.socketPath));
    const inNamespace = [netns, places.own].includes(vector.env["CNI_NETNS"] ?? "");
    if (noNamespaces !== undefined && inNamespace && run.stdout.includes("is not a network namespace"))
      skip(noNamespaces);
    const spool = await spoolOf(daemon.runtimeDir);
    expectVector(vector, { ...run, requests: daemon.requests, connections: daemon.connections(), spool });
  });

  it("without CNI_COMMAND tells a person what this is and succeeds, with stdin open", async () => {
    const run = await runStub(stub, {}, undefined);
    expect(run).toMatchObject({ exitCode: 0, stdout: "", stderr: expect.stringContaining("1.0.0, 1.1.0") });
  });

  it("answers a wrong call at once when the runtime leaves stdin open", { timeout: 5_000 }, async () => {
    const run = await runStub(stub, { CNI_COMMAND: "ADD" }, undefined);
    expect(JSON.parse(run.stdout)).toMatchObject({ code: 4 });
  });

  it("sends an ADD again while the daemon dies before it answers", async ({ skip }) => {
    if (noNamespaces !== undefined) skip(noNamespaces);
    const result = { cniVersion: "1.1.0", interfaces: [], ips: [], routes: [], dns: {} } as const;
    await using daemon = await startDaemon({ kind: "closes" });
    const running = runStub(stub, add, configFor(daemon.socketPath));
    await until(() => daemon.requests.length >= 2, "a second attempt");
    daemon.become({ kind: "replies", reply: { wire: 1, ok: true, result } });
    const run = await running;
    expect(JSON.parse(run.stdout)).toEqual(result);
    expect(new Set(daemon.requests.map((request) => JSON.stringify(request))).size).toBe(1);
  });

  it("refuses stdin of more than 1 MiB with code 6", async () => {
    const run = await runStub(stub, add, `{"name":"${"x".repeat(1_048_576)}"}`);
    expect(JSON.parse(run.stdout)).toMatchObject({ code: 6, msg: expect.stringContaining("1048576") });
  });

  it("takes a GC of nearly 1 MiB in one frame", async () => {
    const attachments = Array.from({ length: 9_000 }, (_, index) => ({
      containerID: `${"c".repeat(64)}${index}`,
      ifname: "eth0",
    }));
    await using daemon = await startDaemon({ kind: "replies", reply: { wire: 1, ok: true } });
    const config = { ...JSON.parse(configFor(daemon.socketPath)), "cni.dev/valid-attachments": attachments };
    const env = { CNI_COMMAND: "GC", CNI_PATH: "/opt/cni/bin" };
    const run = await runStub(stub, env, JSON.stringify(config));
    expect(run).toMatchObject({ exitCode: 0, stdout: "" });
    expect(daemon.requests[0]?.validAttachments).toHaveLength(attachments.length);
  });

  it("refuses a reply of more than 1 MiB with code 6", async ({ skip }) => {
    if (noNamespaces !== undefined) skip(noNamespaces);
    await using daemon = await startDaemon({ kind: "sends", bytes: "x".repeat(1_100_000) });
    const run = await runStub(stub, add, configFor(daemon.socketPath));
    expect(JSON.parse(run.stdout)).toMatchObject({ code: 6 });
  });

  it("survives JSON nested deeper than its stack with code 6", async () => {
    const run = await runStub(stub, add, "[".repeat(500_000));
    expect(JSON.parse(run.stdout)).toMatchObject({ code: 6 });
  });

  it("survives bytes that are no UTF-8 with code 6", async () => {
    const run = await runStub(stub, add, Uint8Array.of(0xff, 0x00, 0x7b, 0xc3));
    expect(JSON.parse(run.stdout)).toMatchObject({ code: 6 });
  });

  it("keeps a DEL in a directory and a file for root only", async () => {
    await using daemon = await startDaemon({ kind: "away" });
    const config = JSON.stringify({ ...JSON.parse(configFor(`${daemon.runtimeDir}/run/cni.sock`)) });
    const run = await runStub(stub, { ...add, CNI_COMMAND: "DEL" }, config);
    expect(run).toMatchObject({ exitCode: 0, stdout: "" });
    const directory = `${daemon.runtimeDir}/run/deleted`;
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect((await stat(join(directory, "c1:eth0"))).mode & 0o777).toBe(0o600);
  });

  it("fails a DEL with code 5 when neither daemon nor spool takes it", async () => {
    await using daemon = await startDaemon({ kind: "away" });
    await writeFile(join(daemon.runtimeDir, "deleted"), "a file where the directory should be");
    const run = await runStub(stub, { ...add, CNI_COMMAND: "DEL" }, configFor(daemon.socketPath));
    expect(JSON.parse(run.stdout)).toMatchObject({
      code: 5,
      msg: expect.stringContaining("Not a directory"),
    });
  });

  it("replaces an earlier record of the same DEL", async () => {
    await using daemon = await startDaemon({ kind: "away" });
    const directory = join(daemon.runtimeDir, "deleted");
    await mkdir(directory);
    await writeFile(join(directory, "c1:eth0"), "old");
    await chmod(directory, 0o700);
    await runStub(stub, { ...add, CNI_COMMAND: "DEL" }, configFor(daemon.socketPath));
    const spool = await spoolOf(daemon.runtimeDir);
    expect([...spool.keys()]).toEqual(["c1:eth0"]);
    expect(JSON.parse(spool.get("c1:eth0") ?? "")).toMatchObject({ command: "DEL" });
  });
});
