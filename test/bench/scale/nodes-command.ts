import { parseArgs } from "node:util";
import type { Lab } from "../../lab/lab-types.ts";
import { type Progress, stderrProgress } from "../../lab/progress.ts";
import { stopService } from "../../lab/services.ts";
import { startLab } from "../../lab/start-lab.ts";
import { stopLab } from "../../lab/stop-lab.ts";
import { stopLabOnInterrupt } from "../../lab/stop-on-interrupt.ts";
import { BenchError } from "../bench-error.ts";
import { table } from "../report/table.ts";
import { missedByNodes, verdictInWords } from "../report/verdicts.ts";
import { benchNodes, createNodes, type NodesCost } from "./nodes-bench.ts";

const usage = `What a cluster's size costs the daemon: Node objects with pod CIDRs are created through the API, then the daemon is restarted.
Usage: npm run bench -- nodes [--counts N,N...] [--idle-seconds N] [--json]     (as root)
  --counts N,N...     how many Nodes besides the lab's own, ascending (0,1000,5000)
  --idle-seconds N    how long the daemon idles for its CPU time (60)
Ends with code 1 when with up to 1,000 more Nodes the daemon takes more than 150 MB, or 0.5 % of a core while it idles.
`;

/** `npm run bench -- nodes`; returns the exit code: 1 when a bar is missed, 2 for words it does not know. */
export async function nodesCommand(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      counts: { type: "string" },
      "idle-seconds": { type: "string" },
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  const counts = (values.counts ?? "0,1000,5000").split(",").map(Number);
  const idleSeconds = Number(values["idle-seconds"] ?? 60);
  const wrong = [...counts, idleSeconds].some((number) => !Number.isInteger(number) || number < 0);
  if (values.help === true || wrong) {
    process.stderr.write(usage);
    return values.help === true ? 0 : 2;
  }
  const progress = stderrProgress();
  const interrupts = stopLabOnInterrupt(progress);
  const lab = await startLab({
    nodes: 2,
    kubernetes: { network: "headcni", proxyMode: "nftables" },
    progress,
    onClaimed: interrupts.watch,
  });
  try {
    const costs = await measure(lab, counts, idleSeconds, progress);
    const missed = missedByNodes(costs);
    process.stdout.write(
      values.json === true
        ? `${JSON.stringify({ costs, missed })}\n`
        : `${inWords(costs)}\n${verdictInWords(missed)}\n`,
    );
    return missed.length === 0 ? 0 : 1;
  } finally {
    await stopLab(lab.id, progress);
    interrupts.release();
  }
}

async function measure(lab: Lab, counts: readonly number[], idleSeconds: number, progress: Progress) {
  const [node] = lab.nodes;
  if (node === undefined) throw new BenchError("BAD_OPTION", "the lab has no node");
  // It would mark Nodes without a kubelet, one after another, and that would be measured too.
  await stopService(lab, { name: "kube-controller-manager" });
  const costs: NodesCost[] = [];
  let there = 0;
  for (const extra of counts) {
    progress(`Creating Nodes until there are ${extra} more`);
    await createNodes(lab, there, Math.max(there, extra));
    there = Math.max(there, extra);
    costs.push(await benchNodes(lab, node, { extra: there, idleSeconds }, progress));
  }
  return costs;
}

function inWords(costs: readonly NodesCost[]): string {
  const header = [
    "more Nodes",
    "list, ms",
    "start to proven, ms",
    "RSS, MB",
    "peak, MB",
    "CPU at start, s",
    "idle CPU, %",
  ];
  const rows = costs.map((cost) => [
    String(cost.extra),
    cost.listMs.toFixed(0),
    cost.readyMs.toFixed(0),
    cost.rssMb.toFixed(1),
    cost.peakRssMb.toFixed(1),
    cost.startCpuSeconds.toFixed(2),
    cost.idleCpuPercent.toFixed(2),
  ]);
  return table([header, ...rows]);
}
