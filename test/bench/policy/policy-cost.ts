import { makeBarePod } from "../../lab/kubernetes/workload/bare-pods.ts";
import type { LabNode } from "../../lab/lab-types.ts";
import { netnsPrefix } from "../../lab/layout.ts";
import { inNetns } from "../../lab/network/netns.ts";
import type { Progress } from "../../lab/progress.ts";
import { run } from "../../lab/run-command.ts";
import { attach, countVeths, detach, jobsFor, settled } from "../calls/attachments.ts";
import { labCandidate } from "../calls/lab-candidate.ts";
import { makeSandboxes, removeSandboxes } from "../calls/sandboxes.ts";
import { measureThroughput } from "../datapath/iperf.ts";
import type { Metrics } from "../report/bars.ts";
import { percentile, ratio, rotated } from "../report/statistics.ts";
import { measureConnections } from "./connection-rate.ts";
import { type MeasuredPod, type PolicyBed, untilInForce } from "./policy-bed.ts";
import { makePolicies, measuredLabels, measuredNamespace, removePolicies } from "./policy-load.ts";

/** With the 1,000 policies in force, or without any. */
type Side = "policies" | "none";

/** One round of one side. */
export type CostSample = {
  readonly side: Side;
  readonly round: number;
  /** Mbit/s of one TCP stream, and TCP connections per second, between pods of two nodes and of one. */
  readonly throughput: number;
  readonly localThroughput: number;
  readonly connections: number;
  readonly localConnections: number;
  /** Of ADDs one after another. */
  readonly addP50Ms: number;
};

/** Who sends, and to whom on another node and on its own; and where pods are made meanwhile. */
export type CostPods = {
  readonly from: MeasuredPod;
  readonly far: MeasuredPod;
  readonly near: MeasuredPod;
  readonly addNode: LabNode;
};

export type CostOptions = { readonly rounds: number; readonly seconds: number; readonly adds: number };

/** Measures both sides round after round, each round with another one first. At the end the policies are in force. */
export async function benchPolicyCost(
  bed: PolicyBed,
  pods: CostPods,
  { rounds, seconds, adds }: CostOptions,
  progress: Progress,
): Promise<readonly CostSample[]> {
  const addP50 = await addBench(bed, pods.addNode, adds);
  const samples: CostSample[] = [];
  // The first round fills caches and compiles what runs often: unmeasured.
  for (let round = -1; round < rounds; round += 1) {
    for (const side of rotated<Side>(["none", "policies"], round + 1)) {
      await removePolicies(bed.api);
      if (side === "policies") await makePolicies(bed.api);
      await untilInForce(bed, side);
      const sample = { side, round, ...(await traffic(bed, pods, seconds)), addP50Ms: await addP50() };
      if (round < 0) continue;
      samples.push(sample);
      progress(`Policies: round ${round + 1} of ${rounds}, ${side}: ${inWords(sample)}`);
    }
  }
  await removePolicies(bed.api);
  await makePolicies(bed.api);
  await untilInForce(bed, "policies");
  return samples;
}

/** The ratios of one side to the other, round by round. */
export function costRatios(samples: readonly CostSample[]): Metrics {
  const pick = (side: Side, number: Exclude<keyof CostSample, "side">) =>
    samples
      .filter((sample) => sample.side === side)
      .sort((a, b) => a.round - b.round)
      .map((sample) => sample[number]);
  const of = (number: Exclude<keyof CostSample, "side">) =>
    ratio(pick("policies", number), pick("none", number));
  return {
    policyThroughputRatio: of("throughput"),
    policyLocalThroughputRatio: of("localThroughput"),
    policyConnectionsRatio: of("connections"),
    policyLocalConnectionsRatio: of("localConnections"),
    policyAddP50Ratio: of("addP50Ms"),
  };
}

async function traffic({ lab }: PolicyBed, { from, far, near }: CostPods, seconds: number) {
  const [there, here] = [
    { name: "pods", from, to: far },
    { name: "pods", from, to: near },
  ] as const;
  const throughput = (await measureThroughput(there, seconds)).megabitsPerSecond;
  const localThroughput = (await measureThroughput(here, seconds)).megabitsPerSecond;
  // What a run leaves in conntrack would cost the next one.
  const forget = async () => {
    for (const { netns } of lab.nodes) await run(inNetns(netns, ["conntrack", "-F"]));
  };
  await forget();
  const connections = await measureConnections(there, seconds);
  await forget();
  const localConnections = await measureConnections(here, seconds);
  await forget();
  return { throughput, localThroughput, connections, localConnections };
}

/** Gives what has the same pods of Kubernetes attached and detached again, one after another, and says how long an ADD took (p50). */
async function addBench(
  { lab, api }: PolicyBed,
  node: LabNode,
  adds: number,
): Promise<() => Promise<number>> {
  const candidate = await labCandidate(node);
  const prefix = `${netnsPrefix(lab.id)}s-`;
  const args: string[] = [];
  for (let index = 0; index < adds; index += 1) {
    const spec = { namespace: measuredNamespace, name: `add-${index}`, node: node.name };
    args.push((await makeBarePod(api, { ...spec, labels: measuredLabels })).cniArgs);
  }
  let batch = 0;
  return async () => {
    batch += 1;
    const veths = await countVeths(candidate);
    try {
      const sandboxes = await makeSandboxes(prefix, adds);
      const jobs = jobsFor(sandboxes, `policy ${batch}`).map((job, index) => ({
        ...job,
        args: args[index] ?? "",
      }));
      const { timing, attachments } = await attach(candidate, jobs, 1);
      await detach(candidate, attachments, 10);
      await settled(candidate, veths);
      return percentile(
        timing.runs.map(({ elapsedNs }) => elapsedNs / 1e6),
        0.5,
      );
    } finally {
      await removeSandboxes(prefix);
    }
  };
}

function inWords(sample: CostSample): string {
  const { throughput, localThroughput, connections, localConnections, addP50Ms } = sample;
  const numbers = [throughput, localThroughput].map((mbits) => mbits.toFixed(0)).join(" and ");
  const rates = [connections, localConnections].map((rate) => rate.toFixed(0)).join(" and ");
  return `${numbers} Mbit/s, ${rates} connections/s, ADD ${addP50Ms.toFixed(2)} ms`;
}
