import { parseArgs } from "node:util";
import { stderrProgress } from "../../lab/progress.ts";
import { startLab } from "../../lab/start-lab.ts";
import { stopLab } from "../../lab/stop-lab.ts";
import { stopLabOnInterrupt } from "../../lab/stop-on-interrupt.ts";
import { median, rotated } from "../report/statistics.ts";
import { table } from "../report/table.ts";
import { missedByPods, verdictInWords } from "../report/verdicts.ts";
import { benchPods, type PodsCandidate, type PodsSample } from "./pods-bench.ts";

const usage = `A node's worth of pods, started at once and deleted at once on every node of a cluster: by HeadCNI and by the CNI
project's ptp with host-local, in turns, on the same nodes.
Usage: npm run bench -- pods [--pods N] [--rounds N] [--nodes N] [--json]     (as root)
  --pods N      pods per node, at most 110 (110)
  --rounds N    rounds with each (3)
  --nodes N     nodes of the cluster (2)
Ends with code 1 when a node keeps something of a pod that is gone, or containerd counts no call of the plugins.
`;

/** `npm run bench -- pods`; returns the exit code: 1 when something leaked or was not measured, 2 for words it does not know. */
export async function podsCommand(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      pods: { type: "string" },
      rounds: { type: "string" },
      nodes: { type: "string" },
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  const [pods = 0, rounds = 0, nodes = 0] = [values.pods ?? 110, values.rounds ?? 3, values.nodes ?? 2].map(
    Number,
  );
  const wrong = [pods, rounds, nodes].some((number) => !Number.isInteger(number) || number < 1) || pods > 110;
  if (values.help === true || wrong) {
    process.stderr.write(usage);
    return values.help === true ? 0 : 2;
  }
  const progress = stderrProgress();
  const interrupts = stopLabOnInterrupt(progress);
  const lab = await startLab({
    nodes,
    kubernetes: { network: "headcni", proxyMode: "nftables" },
    // Each round takes almost half of a node's addresses.
    config: { "ipam.restSeconds": 1 },
    progress,
    onClaimed: interrupts.watch,
  });
  try {
    const samples: PodsSample[] = [];
    for (let round = 0; round < rounds; round += 1) {
      for (const candidate of rotated<PodsCandidate>(["headcni", "reference"], round)) {
        const name = `${candidate}-${round}`;
        samples.push(await benchPods(lab, candidate, { name, perNode: pods }, progress));
      }
    }
    const missed = missedByPods(samples);
    process.stdout.write(
      values.json === true
        ? `${JSON.stringify({ samples, missed })}\n`
        : `${inWords(samples)}\n${verdictInWords(missed)}\n`,
    );
    return missed.length === 0 ? 0 : 1;
  } finally {
    await stopLab(lab.id, progress);
    interrupts.release();
  }
}

function inWords(samples: readonly PodsSample[]): string {
  const header = [
    "per pod, ms (median)",
    "until ready",
    "until gone",
    "ADD in containerd",
    "DEL in containerd",
    "leaks",
  ];
  const rows = (["headcni", "reference"] as const).map((candidate) => {
    const own = samples.filter((sample) => sample.candidate === candidate);
    const middle = (key: "startPerPodMs" | "endPerPodMs" | "addMs" | "delMs") =>
      median(own.map((sample) => sample[key])).toFixed(1);
    const leaks = own.reduce((sum, sample) => sum + sample.leaks.length, 0);
    return [
      candidate,
      middle("startPerPodMs"),
      middle("endPerPodMs"),
      middle("addMs"),
      middle("delMs"),
      String(leaks),
    ];
  });
  return table([header, ...rows]);
}
