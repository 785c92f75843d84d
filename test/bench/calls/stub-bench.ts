import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildStub } from "../../../cni/build.ts";
import { createFrameDecoder } from "../../../src/protocol/frame-decoder.ts";
import { encodeFrame } from "../../../src/protocol/frames.ts";
import { successReply } from "../../../src/protocol/reply.ts";
import { compileC } from "../../lab/build/compile-c.ts";
import { BenchError } from "../bench-error.ts";
import { percentile, rotated } from "../report/statistics.ts";
import type { Candidate } from "./candidate.ts";
import { drive, type Job } from "./driver.ts";
import { makeSandboxes, removeSandboxes } from "./sandboxes.ts";

const rounds = 40;
const runsPerRound = 10;
/** The first rounds fill the page cache and are not counted. */
const warmUpRounds = 3;

/** Exec to exit of the stub and of a C program with the same exchange; `ratio` is stub by C. */
export type StubBench = { readonly stubP50Ms: number; readonly cP50Ms: number; readonly ratio: number };

/**
 * Measures an ADD through the stub against `stub-baseline.c` (glibc, static), interleaved in short rounds, both
 * answered at once by the same server in this process. Needs root (network namespaces), gcc, and 5 s.
 * Throws BenchError when a run fails.
 */
export async function benchStub(): Promise<StubBench> {
  const folder = await mkdtemp(join(tmpdir(), "headcni-stub-bench-"));
  const prefix = `hcstub${process.pid}-`;
  const socketPath = join(folder, "cni.sock");
  const server = await serve(socketPath);
  try {
    const [node, pod] = await makeSandboxes(prefix, 2);
    if (node === undefined || pod === undefined)
      throw new BenchError("PLUGIN_FAILED", "no network namespaces");
    const config = { cniVersion: "1.0.0", name: "headcni", type: "headcni", socketPath };
    const baseline = await compileC(join(import.meta.dirname, "stub-baseline.c"), ["-static", "-s"]);
    const candidates = [
      { name: "stub", plugin: await buildStub() },
      { name: "c", plugin: baseline },
    ].map(
      ({ name, plugin }): Candidate => ({ name, plugin, netns: node.name, cniPath: "/opt/cni/bin", config }),
    );
    const jobs = Array.from(
      { length: runsPerRound },
      (_, run): Job => ({ containerId: `c${run}`, sandbox: pod }),
    );
    const times = new Map<string, number[]>(candidates.map(({ name }) => [name, []]));
    for (let round = 0; round < rounds; round += 1) {
      for (const candidate of rotated(candidates, round)) {
        const { runs } = await drive(candidate, "ADD", jobs, 1);
        const failed = runs.find(({ exitCode }) => exitCode !== 0);
        if (failed) throw new BenchError("PLUGIN_FAILED", `${candidate.name} failed: ${failed.stdout}`);
        if (round < warmUpRounds) continue;
        times.get(candidate.name)?.push(...runs.map(({ elapsedNs }) => elapsedNs / 1e6));
      }
    }
    const stubP50Ms = percentile(times.get("stub") ?? [], 0.5);
    const cP50Ms = percentile(times.get("c") ?? [], 0.5);
    return { stubP50Ms, cP50Ms, ratio: stubP50Ms / cP50Ms };
  } finally {
    await new Promise((resolve) => server.close(resolve));
    await removeSandboxes(prefix);
    await rm(folder, { recursive: true, force: true });
  }
}

/** A daemon that gives every request the same answer. */
async function serve(socketPath: string): Promise<Server> {
  const frame = encodeFrame(
    successReply({
      cniVersion: "1.1.0",
      interfaces: [{ name: "eth0", mac: "0a:58:0a:f4:01:07", mtu: 1280, sandbox: "/run/netns/pod" }],
      ips: [{ address: "10.244.1.7/32", gateway: "169.254.1.1", interface: 0 }],
      routes: [{ dst: "0.0.0.0/0", gw: "169.254.1.1" }],
      dns: {},
    }),
  );
  const reply = frame.ok ? frame.value : "";
  const server = createServer((socket) => {
    const decoder = createFrameDecoder();
    socket.on("data", (chunk) => {
      if (decoder.push(chunk).frames.length > 0) socket.end(reply);
    });
    socket.on("error", () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return server;
}

if (import.meta.main) process.stdout.write(`${JSON.stringify(await benchStub())}\n`);
