import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { until } from "../support/until.ts";
import { runStub, startDaemon, stubUnderTest } from "./real-stub.ts";

const del = { CNI_COMMAND: "DEL", CNI_CONTAINERID: "c1", CNI_IFNAME: "eth0" };
const status = { CNI_COMMAND: "STATUS" };
let stub = "";

beforeAll(async () => {
  stub = await stubUnderTest();
}, 300_000);

function configFor(socketPath: string): string {
  return JSON.stringify({ cniVersion: "1.1.0", name: "headcni", socketPath });
}

/** Whether the process is in state T of proc(5). */
async function isStopped(pid: number): Promise<boolean> {
  const fields = await readFile(`/proc/${pid}/stat`, "utf8");
  return fields.slice(fields.lastIndexOf(")")).startsWith(") T");
}

// The limits are the product's promise to the runtime (a call never hangs), so they are checked on the real clock.
describe.concurrent("a daemon that takes the call and never answers", { timeout: 30_000 }, () => {
  it("costs a DEL 10 s and is code 11, with nothing in the spool", async () => {
    await using daemon = await startDaemon({ kind: "hangs" });
    const run = await runStub(stub, del, configFor(daemon.socketPath));
    expect(JSON.parse(run.stdout)).toMatchObject({ code: 11, msg: expect.stringContaining("10 s") });
    expect(daemon.requests).toHaveLength(1);
    expect(run.elapsedMs).toBeGreaterThan(9_900);
  });

  it("costs a STATUS 2 s and is code 50", async () => {
    await using daemon = await startDaemon({ kind: "hangs" });
    const run = await runStub(stub, status, configFor(daemon.socketPath));
    expect(JSON.parse(run.stdout)).toMatchObject({ code: 50, msg: expect.stringContaining("2 s") });
    expect(run.elapsedMs).toBeGreaterThan(1_900);
  });

  it("costs a STATUS 2 s when not even the connection is accepted", async () => {
    const folder = await mkdtemp(join(tmpdir(), "headcni-backlog-"));
    const socketPath = join(folder, "cni.sock");
    // A stopped process accepts nothing; a backlog of 0 holds one connection, so the second connect() waits.
    const script = `require("net").createServer().listen({path:${JSON.stringify(socketPath)},backlog:0},
      () => { console.log("up"); setTimeout(() => process.kill(process.pid, "SIGSTOP"), 0); })`;
    const server = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      await new Promise((resolve) => server.stdout.once("data", resolve));
      await until(() => isStopped(server.pid ?? 0), "the server to stop");
      const runs = await Promise.all([1, 2, 3].map(() => runStub(stub, status, configFor(socketPath))));
      for (const run of runs) expect(JSON.parse(run.stdout)).toMatchObject({ code: 50 });
    } finally {
      server.kill("SIGKILL");
      await rm(folder, { recursive: true, force: true });
    }
  });

  it("costs a STATUS 2 s when the runtime does not close stdin", async () => {
    const run = await runStub(stub, status, undefined);
    expect(JSON.parse(run.stdout)).toMatchObject({ code: 50, msg: expect.stringContaining("stdin") });
    expect(run.elapsedMs).toBeGreaterThan(1_900);
  });
});
