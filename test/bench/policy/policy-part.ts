import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { metric } from "../../e2e/support/views/daemon-view.ts";
import { connectApi } from "../../lab/kubernetes/control-plane/api-connection.ts";
import { makeNamespace } from "../../lab/kubernetes/workload/bare-pods.ts";
import type { LabNode } from "../../lab/lab-types.ts";
import { setSysctls } from "../../lab/network/netns.ts";
import type { Progress } from "../../lab/progress.ts";
import { startLab } from "../../lab/start-lab.ts";
import { stopLab } from "../../lab/stop-lab.ts";
import { stopLabOnInterrupt } from "../../lab/stop-on-interrupt.ts";
import { BenchError } from "../bench-error.ts";
import { memoryOf, requireDaemon, restartDaemon } from "../daemon/daemon-runs.ts";
import { requireDirect } from "../datapath/lab-paths.ts";
import type { Options } from "../options.ts";
import type { Findings } from "../report/report.ts";
import { measured, percentile } from "../report/statistics.ts";
import { heapAfterGc, heapSnapshotOptions } from "../storm/heap-after-gc.ts";
import { benchLabels, type LabelSample } from "./label-bench.ts";
import { openPod, type PolicyBed, untilIdle } from "./policy-bed.ts";
import { benchPolicyCost, costRatios } from "./policy-cost.ts";
import { farNamespace, farPods, makeFarPods, measuredLabels, measuredNamespace } from "./policy-load.ts";
import { relabelStorm } from "./relabel-storm.ts";

const labelChanges = 100;
/** Of flows that stand, of which some end up to a second later; and beside a storm. */
const fewerChanges = 20;
const storm = { perSecond: 100, seconds: 30 };

/** What NetworkPolicy costs, on three nodes with an API server that knows 5,000 pods elsewhere. Starts a lab of its own. */
export async function benchPolicy(options: Options, progress: Progress): Promise<Partial<Findings>> {
  const interrupts = stopLabOnInterrupt(progress);
  const lab = await startLab({
    nodes: 3,
    mode: options.mode,
    daemon: options.daemon,
    kubernetes: { network: "headcni", proxyMode: "nftables", apiOnly: true },
    config: { "kubernetes.networkPolicy": true, "ipam.restSeconds": 1 },
    progress,
    onClaimed: interrupts.watch,
  });
  try {
    const api = await connectApi(lab);
    try {
      return await measure({ lab, api }, options, progress);
    } finally {
      await api.close();
    }
  } finally {
    await stopLab(lab.id, progress);
    interrupts.release();
  }
}

async function measure(bed: PolicyBed, options: Options, progress: Progress): Promise<Partial<Findings>> {
  const { lab, api } = bed;
  const [one, two, three] = lab.nodes;
  if (one === undefined || two === undefined || three === undefined)
    throw new BenchError("BAD_OPTION", "the lab has not three nodes");
  for (const name of [measuredNamespace, farNamespace]) await makeNamespace(api, name);
  const empty = await footprint(bed, three);
  progress(`Policies: making ${farPods} pods elsewhere`);
  await makeFarPods(api);
  const full = await footprint(bed, three);
  // From now on without what heap snapshots cost.
  await restartDaemon(lab, three);
  const from = await openPod(bed, one, "from", measuredLabels);
  const near = await openPod(bed, one, "near", measuredLabels);
  const far = await openPod(bed, two, "far", measuredLabels);
  const third = await openPod(bed, three, "third", measuredLabels);
  const client = await openPod(bed, one, "client", {});
  await requireDirect(lab, one, two);
  const { rounds, seconds } = options;
  const cost = await benchPolicyCost(
    bed,
    { from, far, near, addNode: three },
    { rounds, seconds, adds: 50 },
    progress,
  );
  progress("Policies: labels that change");
  // Each probe is a flow; conntrack would know them for 30 s.
  for (const { netns } of lab.nodes)
    await setSysctls(netns, { "net.netfilter.nf_conntrack_icmp_timeout": "2" });
  const pods = { client, servers: [near, far, third] };
  const fresh = await benchLabels(bed, pods, { changes: labelChanges, flows: "fresh" });
  const fixed = await benchLabels(bed, pods, { changes: fewerChanges, flows: "fixed" });
  await untilIdle(lab);
  progress(`Policies: ${storm.perSecond} relabels a second`);
  const quietStorm = await relabelStorm(bed, storm);
  const beside: LabelSample[] = [];
  await relabelStorm(bed, storm, async () => {
    beside.push(...(await benchLabels(bed, pods, { changes: fewerChanges, flows: "fresh" })));
  });
  const inForce = await metric(one, "headcni_policy_elements");
  return {
    metrics: {
      ...costRatios(cost),
      policyLabelP99Ms: measured([percentile(msOf(fresh), 0.99)]),
      policyStormCpuPercent: measured([quietStorm.cpuPercent]),
      policyRssMb: measured([quietStorm.rssMb]),
      policyMbPer1000Pods: measured([((full.heapMb - empty.heapMb) / farPods) * 1000]),
    },
    raw: {
      policy: {
        elements: inForce,
        cost,
        labels: { newFlows: spreadOf(fresh), standingFlows: spreadOf(fixed), inStorm: spreadOf(beside) },
        storm: quietStorm,
        memory: { empty, full },
      },
    },
  };
}

/** Memory of a daemon that knows what there is and idles. */
async function footprint({ lab }: PolicyBed, node: LabNode) {
  const snapshots = join(lab.folder, "snapshots");
  await mkdir(snapshots, { recursive: true });
  await restartDaemon(lab, node, heapSnapshotOptions(snapshots));
  await untilIdle(lab);
  const daemon = await requireDaemon(lab, node);
  const { rssMb } = await memoryOf(daemon.pid);
  return { rssMb, heapMb: (await heapAfterGc(daemon, snapshots)) / 1e6 };
}

function msOf(samples: readonly LabelSample[]): readonly number[] {
  return samples.map(({ ms }) => ms);
}

function spreadOf(samples: readonly LabelSample[]) {
  const of = (change: LabelSample["change"]) => {
    const all = msOf(samples.filter((sample) => sample.change === change));
    return { p50: percentile(all, 0.5), p99: percentile(all, 0.99), most: Math.max(...all) };
  };
  return { allowed: of("allowed"), refused: of("refused") };
}
