import { join } from "node:path";
import type { Lab, LabNode } from "../lab/lab-types.ts";
import { netnsPrefix } from "../lab/layout.ts";
import { addPod, deletePod } from "../lab/pods.ts";
import type { Progress } from "../lab/progress.ts";
import { BenchError } from "./bench-error.ts";
import { benchCalls, breakdownInWords } from "./calls/breakdown.ts";
import { type Floor, startFloor } from "./calls/floor.ts";
import { labCandidate } from "./calls/lab-candidate.ts";
import { benchPlugins } from "./calls/plugin-bench.ts";
import { floorRatios, pluginRatios, summarize } from "./calls/plugin-summary.ts";
import { profileDaemon } from "./calls/profile-bench.ts";
import { makeReferenceCandidates } from "./calls/reference-candidates.ts";
import type { Sandbox } from "./calls/sandboxes.ts";
import { benchStub } from "./calls/stub-bench.ts";
import { benchRestore } from "./daemon/restore-bench.ts";
import { benchIdle } from "./daemon/rss-bench.ts";
import { benchStart } from "./daemon/start-bench.ts";
import { benchDatapath, type PathSample } from "./datapath/datapath-bench.ts";
import { pathsBetween, requireDirect } from "./datapath/lab-paths.ts";
import { recorderCost } from "./observing/recorder-cost.ts";
import type { Options } from "./options.ts";
import type { Metrics } from "./report/bars.ts";
import type { Findings } from "./report/report.ts";
import { difference, measured, ratio } from "./report/statistics.ts";
import { registerFleet } from "./scale/fleet.ts";

/** The lab a benchmark runs in, with what the user asked for. */
export type Bench = { readonly lab: Lab; readonly options: Options; readonly progress: Progress };

/** What one part of the benchmark found. */
export type PartFindings = Partial<Omit<Findings, "failures">>;

/** Pods that stand while the daemon restarts and idles: what a kubelet allows by default (maxPods). */
const podsOfNode = 110;

/** ADD and DEL beside the reference plugins, each on a node of its own on the same kernel. */
export async function benchAddAndDel({ lab, options, progress }: Bench): Promise<PartFindings> {
  const references = await makeReferenceCandidates({
    plugins: lab.tools.referencePlugins,
    folder: join(lab.folder, "references"),
    netnsPrefix: `${netnsPrefix(lab.id)}r-`,
  });
  const ours = await labCandidate(firstNode(lab));
  const { pods, rounds } = options;
  let floor: Floor | undefined;
  const prepare = async (sandboxes: readonly Sandbox[]) => {
    floor = await startFloor(sandboxes, { folder: lab.folder, netnsPrefix: `${netnsPrefix(lab.id)}r-` });
    return [ours, ...references, floor.candidate];
  };
  const where = { pods, rounds, sandboxPrefix: sandboxPrefix(lab) };
  const samples = await benchPlugins(prepare, where, progress).finally(() => floor?.stop());
  const breakdown = options.daemon === "none" ? [] : await benchCalls(firstNode(lab), ours, where);
  const wanted = (key: string) => options.only.some((part) => key.startsWith(part));
  const only = (metrics: Metrics): Metrics =>
    Object.fromEntries(Object.entries(metrics).filter(([key]) => wanted(key)));
  const ratios = (against: string) => only(pluginRatios(samples, against));
  return {
    metrics: { ...ratios("bridge"), ...only(floorRatios(samples)) },
    plugins: summarize(samples).filter(({ command }) => wanted(command.toLowerCase())),
    raw: { podsPerBatch: pods, rounds, againstPtp: ratios("ptp"), breakdown },
    hints: breakdownInWords(breakdown),
  };
}

/** The stub alone, answered by a server that does nothing, against a C program that does the same. */
export async function benchStubAlone(progress: Progress): Promise<PartFindings> {
  progress("Stub: alone, against a C program");
  const { ratio: stubRatio, ...times } = await benchStub();
  return { metrics: { stubP50Ratio: measured([stubRatio]) }, raw: { stub: times } };
}

/** Throughput and latency between pods of two nodes, against those between the nodes' tailnet addresses. */
export async function benchPodsAgainstTailnet({ lab, options, progress }: Bench): Promise<PartFindings> {
  const [from, to] = lab.nodes;
  if (from === undefined || to === undefined)
    throw new BenchError("BAD_OPTION", "the datapath needs two nodes");
  const endpoint = await requireDirect(lab, from, to);
  const pods = [await addPod(lab, from.name, "bench-a"), await addPod(lab, to.name, "bench-b")] as const;
  const paths = await pathsBetween(from, to, pods);
  const { seconds } = options;
  // One pair of runs says little: their ratio has a standard deviation of 0.1 to 0.16 on two cores, however long they last.
  const rounds = 3 * options.rounds;
  const samples = await benchDatapath(paths, { rounds, seconds, pings: 200 }, progress);
  for (const pod of pods) await deletePod(lab, pod.name);
  const pick = (path: PathSample["path"], number: "megabitsPerSecond" | "rttP50Us") =>
    samples.filter((sample) => sample.path === path).map((sample) => sample[number]);
  return {
    metrics: {
      datapathThroughputRatio: ratio(pick("pods", "megabitsPerSecond"), pick("tailnet", "megabitsPerSecond")),
      datapathAddedLatencyUs: difference(pick("pods", "rttP50Us"), pick("tailnet", "rttP50Us")),
    },
    raw: { datapath: { endpoint, secondsPerRun: seconds, samples } },
  };
}

/** How soon comes back what somebody deletes of routes, rules, firewalls and sysctls. */
export async function benchRestores({ lab, options, progress }: Bench): Promise<PartFindings> {
  if (options.daemon === "none") return {};
  const samples = await benchRestore(firstNode(lab), progress);
  return {
    metrics: { restoreMs: measured(samples.map(({ restoredMs }) => restoredMs)) },
    raw: { restores: samples },
  };
}

/** Makes the lab's tailnet as large as the user asked. */
export async function addFleet({ lab, options, progress }: Bench): Promise<PartFindings> {
  await registerFleet(lab, options.peers, progress);
  return { raw: { machinesKnown: options.peers + lab.nodes.length } };
}

/** Memory and CPU time of an idle daemon with a node's worth of pods. */
export async function benchRss({ lab, options, progress }: Bench): Promise<PartFindings> {
  const where = { pods: podsOfNode, seconds: options.idleSeconds, sandboxPrefix: sandboxPrefix(lab) };
  const idle = await benchIdle(lab, firstNode(lab), where, progress);
  const metrics: Metrics = { rssMb: measured([idle.rssMb]), idleCpuPercent: measured([idle.idleCpuPercent]) };
  return { metrics, raw: { idle } };
}

/** Restarts of the daemon with a node's worth of pods: the first ADD, and what running pods lost. */
export async function benchRestarts({ lab, options, progress }: Bench): Promise<PartFindings> {
  const where = { pods: podsOfNode, restarts: options.restarts, sandboxPrefix: sandboxPrefix(lab) };
  const samples = await benchStart(lab, firstNode(lab), where, progress);
  return {
    metrics: {
      firstAddAfterStartMs: measured(samples.map(({ firstAddMs }) => firstAddMs)),
      restartPacketsLost: measured(samples.map(({ pings }) => pings.lost)),
    },
    raw: { restarts: samples },
  };
}

/** What the flight recorder costs; it needs no lab. */
export async function benchRecorder(progress: Progress): Promise<PartFindings> {
  progress("Filling flight recorders");
  const cost = await recorderCost();
  const { nsPerEntry, bytes } = cost;
  return {
    metrics: { recorderNs: measured([nsPerEntry]), recorderMb: measured([bytes / 1e6]) },
    raw: { recorder: cost },
  };
}

/** Where the daemon's time goes under ADD and DEL. */
export async function profileAddAndDel({ lab, options, progress }: Bench): Promise<PartFindings> {
  const where = { pods: options.pods, sandboxPrefix: sandboxPrefix(lab) };
  return { hints: await profileDaemon(lab, firstNode(lab), where, progress) };
}

function firstNode(lab: Lab): LabNode {
  const [node] = lab.nodes;
  if (node === undefined) throw new BenchError("BAD_OPTION", "the lab has no node");
  return node;
}

/** Namespaces with the lab's prefix go with the lab, whatever happens here. */
function sandboxPrefix(lab: Lab): string {
  return `${netnsPrefix(lab.id)}s-`;
}
