import type { StormReport } from "../../e2e/support/kill-storm.ts";
import type { PolicyFindings } from "../../e2e/support/policy-storm.ts";
import type { InspectorFindings } from "../observing/inspector-bench.ts";
import type { AwayKill, LongOutage } from "../outages/outages.ts";
import type { NodesCost } from "../scale/nodes-bench.ts";
import type { PodsSample } from "../scale/pods-bench.ts";
import { median } from "./statistics.ts";

/** What a benchmark misses, a line for each; empty if all its bars are kept. A benchmark that measured nothing misses that. */
export type Missed = readonly string[];

/** Ends a benchmark's text: each missed bar on a line of its own, or that none is. */
export function verdictInWords(missed: Missed): string {
  return missed.length === 0 ? "reached" : missed.map((line) => `MISSED ${line}`).join("\n");
}

/** Nothing for a value that keeps to its bar. One that is not a number does not. */
function above(what: string, value: number, { most, digits = 0 }: { most: number; digits?: number }): Missed {
  return value <= most ? [] : [`${what}: ${value.toFixed(digits)}, bar <= ${most}`];
}

/** Kills under a storm: whatever must never happen, and `leaked`. */
export function missedByKills(storm: StormReport, leaked: readonly string[]): Missed {
  const { adds, dels, twice, dead, undeleted } = storm;
  return [
    ...(adds === 0 ? ["nothing measured: no ADD answered success"] : []),
    ...(dels === 0 ? ["nothing measured: no DEL was answered"] : []),
    ...twice.map((line) => `an address twice: ${line}`),
    ...dead.map((address) => `a success without a network: ${address}`),
    ...undeleted.map((answer) => `a DEL that failed: ${answer}`),
    ...leaked.map((line) => `leaked: ${line}`),
  ];
}

/** Pods under policies in a storm: whatever passed, and whether it would have been seen. */
export function missedByPolicyStorm(found: PolicyFindings): Missed {
  const { gaps, sent, openAnswers, unprobed, closedLives, openLives } = found;
  const heard = sent > 0 && openAnswers > 0 && closedLives > 0 && openLives > 0;
  return [
    ...(heard ? [] : ["nothing measured: the prober heard of no pod that no policy isolates"]),
    ...unprobed.map((address) => `not probed: ${address}`),
    ...gaps.map((line) => `passed the policy: ${line}`),
  ];
}

/** How often tailscaled is to be killed, and for how many minutes Headscale is to be away. */
export type WantedOutages = { readonly kills: number; readonly awayKills: number; readonly minutes: number };

/** Silences in ms, in the order of the kills. */
export type FoundOutages = {
  readonly killed: readonly number[];
  readonly away: readonly AwayKill[];
  readonly outage: readonly LongOutage[];
};

/** The silences by what caused them. */
export function silencesOf({ killed, away }: FoundOutages): Readonly<Record<string, readonly number[]>> {
  return {
    "tailscaled killed, Headscale up": killed,
    "tailscaled killed, Headscale away": away.map(({ killMs }) => killMs),
    "Headscale returned after that": away.map(({ returnMs }) => returnMs),
  };
}

/** Silences after kills, and packets lost while Headscale was away. */
export function missedByOutages(found: FoundOutages, { kills, awayKills, minutes }: WantedOutages): Missed {
  const [measured, wanted] = [found.killed.length + found.away.length, kills + awayKills];
  const nothing = wanted + minutes === 0 || measured < wanted || (minutes > 0 && found.outage.length === 0);
  const silences = Object.entries(silencesOf(found)).filter(([, group]) => group.length > 0);
  return [
    ...(nothing ? [`nothing measured: ${measured} of ${wanted} kills, ${found.outage.length} pairs`] : []),
    ...silences.flatMap(([what, group]) => [
      ...above(`${what}: median silence, ms`, median(group), { most: 1000 }),
      ...above(`${what}: longest silence, ms`, Math.max(...group), { most: 5000 }),
    ]),
    ...found.outage.flatMap(({ pair, sent, lost }) =>
      sent === 0
        ? [`nothing measured: ${pair} sent nothing`]
        : above(`Headscale away, ${pair}: of ${sent} datagrams lost`, lost, { most: 0 }),
    ),
  ];
}

/** What a daemon costs in a large cluster: judged up to 1,000 more Nodes, shown for more. */
export function missedByNodes(costs: readonly NodesCost[]): Missed {
  return [
    ...(costs.length === 0 ? ["nothing measured: no number of Nodes"] : []),
    ...costs.flatMap(({ extra, rssMb }) => (rssMb > 0 ? [] : [`nothing measured with ${extra} more Nodes`])),
    ...costs
      .filter(({ extra }) => extra <= 1000)
      .flatMap(({ extra, rssMb, idleCpuPercent }) => [
        ...above(`RSS with ${extra} more Nodes, MB`, rssMb, { most: 150, digits: 1 }),
        ...above(`idle CPU with ${extra} more Nodes, %`, idleCpuPercent, { most: 0.5, digits: 2 }),
      ]),
  ];
}

/** Crowds of pods: what nodes kept of pods that are gone. */
export function missedByPods(samples: readonly PodsSample[]): Missed {
  const of = (candidate: PodsSample["candidate"]) =>
    samples.filter((sample) => sample.candidate === candidate);
  const idle = samples.filter(({ addMs, delMs }) => !(addMs > 0 && delMs > 0));
  return [
    ...(of("headcni").length === 0 || of("reference").length === 0
      ? ["nothing measured: a plugin is missing"]
      : []),
    ...idle.map(
      ({ candidate }) => `nothing measured: containerd counts no call of the plugins of ${candidate}`,
    ),
    ...samples.flatMap(({ candidate, leaks }) => leaks.map((leak) => `left: ${candidate}: ${leak}`)),
  ];
}

/** What the inspector costs, and how quick its page is. */
export function missedByInspector({ addWatched, latencyMs }: InspectorFindings): Missed {
  return [
    ...(latencyMs.transitions > 0 ? [] : ["nothing measured: the page drew no transition"]),
    ...above("ADD p50, watched / off", addWatched.median, { most: 1.05, digits: 3 }),
    ...above("transition -> drawn, p99, ms", latencyMs.p99, { most: 200 }),
  ];
}
