import { startDaemon, waitForDaemon } from "../../lab/headcni/daemon.ts";
import type { Lab, LabNode } from "../../lab/lab-types.ts";
import { inNetns } from "../../lab/network/netns.ts";
import type { Progress } from "../../lab/progress.ts";
import { BenchError } from "../bench-error.ts";
import { attach, countVeths, detach, jobsFor, proveReachable, settled } from "../calls/attachments.ts";
import type { Candidate } from "../calls/candidate.ts";
import { labCandidate } from "../calls/lab-candidate.ts";
import { makeSandboxes, removeSandboxes, type Sandbox } from "../calls/sandboxes.ts";
import { type PingTally, pingUntilStopped } from "../datapath/ping.ts";
import { endDaemon } from "./daemon-runs.ts";

/** One restart under a ping between two running pods: how long until the first ADD was answered, and what the pods lost. */
export type StartSample = {
  readonly signal: "SIGTERM" | "SIGKILL";
  readonly firstAddMs: number;
  readonly pings: PingTally;
};

/** How many pods stand before the first restart, and how many restarts of each kind. */
export type StartOptions = {
  readonly pods: number;
  readonly restarts: number;
  readonly sandboxPrefix: string;
};

/**
 * Restarts a node's daemon again and again. The clock runs from the spawn of the daemon's process until the first ADD
 * is answered; that ADD is called at once, as a runtime would that knows nothing of the restart.
 */
export async function benchStart(
  lab: Lab,
  node: LabNode,
  { pods, restarts, sandboxPrefix }: StartOptions,
  progress: Progress,
): Promise<readonly StartSample[]> {
  const candidate = await labCandidate(node);
  const veths = await countVeths(candidate);
  const samples: StartSample[] = [];
  await removeSandboxes(sandboxPrefix);
  try {
    const sandboxes = await makeSandboxes(sandboxPrefix, pods + 1);
    const extra = sandboxes.slice(pods);
    const { attachments } = await attach(candidate, jobsFor(sandboxes.slice(0, pods), "start"), 10);
    for (let restart = 0; restart < restarts * 2; restart += 1) {
      const signal = restart % 2 === 0 ? "SIGTERM" : "SIGKILL";
      const [first, last] = [attachments[0], attachments.at(-1)];
      if (first === undefined || last === undefined) throw new BenchError("BAD_OPTION", "restarts need pods");
      const stopPing = pingUntilStopped((command) => inNetns(first.sandbox.name, command), last.address);
      await endDaemon(lab, node, signal);
      const firstAddMs = await timeFirstAdd(lab, node, candidate, { extra, veths: veths + pods, restart });
      await waitForDaemon(lab, node);
      samples.push({ signal, firstAddMs, pings: await stopPing() });
      await proveReachable(candidate, attachments);
      progress(
        `Start: restart ${restart + 1} of ${restarts * 2} after ${signal}: first ADD ${firstAddMs.toFixed(0)} ms`,
      );
    }
    await detach(candidate, attachments, 10);
    await settled(candidate, veths);
  } finally {
    await removeSandboxes(sandboxPrefix);
  }
  return samples;
}

async function timeFirstAdd(
  lab: Lab,
  node: LabNode,
  candidate: Candidate,
  {
    extra,
    veths,
    restart,
  }: { readonly extra: readonly Sandbox[]; readonly veths: number; readonly restart: number },
): Promise<number> {
  const start = performance.now();
  await startDaemon(lab, node);
  const { attachments } = await attach(candidate, jobsFor(extra, `first ADD ${restart}`), 1);
  const firstAddMs = performance.now() - start;
  await detach(candidate, attachments, 1);
  await settled(candidate, veths);
  return firstAddMs;
}
