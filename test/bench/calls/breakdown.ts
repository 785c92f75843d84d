import { type CallTrace, tracePageSchema } from "../../../src/observe/trace/call-trace.ts";
import { daemonGet } from "../../lab/headcni/daemon-pages.ts";
import type { LabNode } from "../../lab/lab-types.ts";
import { percentile } from "../report/statistics.ts";
import { table } from "../report/table.ts";
import { attach, countVeths, detach, jobsFor, settled } from "./attachments.ts";
import type { Candidate } from "./candidate.ts";
import type { PluginRun } from "./driver.ts";
import { makeSandboxes, removeSandboxes } from "./sandboxes.ts";

/** One stretch of a call, the median over a batch; in order the stretches of a command make the whole call. */
export type Stretch = { readonly command: "ADD" | "DEL"; readonly name: string; readonly p50Ms: number };

/** Where the time of a call goes: one batch of ADDs and DELs, one by one, as the driver and the daemon's own traces saw each. */
export async function benchCalls(
  node: LabNode,
  candidate: Candidate,
  { pods, sandboxPrefix }: { readonly pods: number; readonly sandboxPrefix: string },
): Promise<readonly Stretch[]> {
  try {
    const veths = await countVeths(candidate);
    const jobs = jobsFor(await makeSandboxes(sandboxPrefix, pods), "breakdown");
    const { timing, attachments } = await attach(candidate, jobs, 1);
    const adds = await stretchesOf(node, "ADD", timing.runs);
    const removal = await detach(candidate, attachments, 1);
    const dels = await stretchesOf(node, "DEL", removal.runs);
    await settled(candidate, veths);
    return [...adds, ...dels];
  } finally {
    await removeSandboxes(sandboxPrefix);
  }
}

/** The breakdown for people. */
export function breakdownInWords(stretches: readonly Stretch[]): readonly string[] {
  if (stretches.length === 0) return [];
  const rows = stretches.map(({ command, name, p50Ms }) => [`${command} ${name}`, p50Ms.toFixed(3)]);
  return [table([["Where a call's time goes (medians, one by one)", "ms"], ...rows])];
}

async function stretchesOf(
  node: LabNode,
  command: Stretch["command"],
  runs: readonly PluginRun[],
): Promise<readonly Stretch[]> {
  const { body } = await daemonGet(node, "/debug/trace");
  const { calls } = tracePageSchema.parse(JSON.parse(body));
  const byId = new Map(
    calls.filter((call) => call.command === command).map((call) => [call.containerId, call]),
  );
  const each = runs.flatMap(({ containerId, elapsedNs }) => {
    const call = byId.get(containerId);
    return call === undefined ? [] : [callStretches(call, elapsedNs / 1e6)];
  });
  const names = Object.keys(each[0] ?? {});
  const p50 = (name: string) =>
    percentile(
      each.map((stretches) => stretches[name] ?? 0),
      0.5,
    );
  return names.map((name) => ({ command, name, p50Ms: p50(name) }));
}

function callStretches(call: CallTrace, elapsedMs: number): Readonly<Record<string, number>> {
  const { ms, steps } = call;
  const work = steps.find((step) => step.kind === "operation" && /^(at|de)tach$/.test(step.name));
  if (work?.kind !== "operation" || ms === null) return {};
  const parts = Object.fromEntries(work.parts.map((part) => [`kernel worker: ${part.name}`, part.ms]));
  const inParts = work.parts.reduce((sum, part) => sum + part.ms, 0);
  return {
    "plugin: process, stub, socket": elapsedMs - ms,
    "machines and observers, before the kernel": work.atMs,
    [inParts === 0 ? "kernel worker, with the way there and back" : "to the kernel worker and back"]:
      work.ms - inParts,
    ...parts,
    "machines and observers, until the answer": ms - work.atMs - work.ms,
  };
}
