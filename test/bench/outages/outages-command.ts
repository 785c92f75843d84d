import { parseArgs } from "node:util";
import type { Lab } from "../../lab/lab-types.ts";
import { type Progress, stderrProgress } from "../../lab/progress.ts";
import { startLab } from "../../lab/start-lab.ts";
import { stopLab } from "../../lab/stop-lab.ts";
import { stopLabOnInterrupt } from "../../lab/stop-on-interrupt.ts";
import { BenchError } from "../bench-error.ts";
import { modeOf, modeOption } from "../mode-option.ts";
import { median } from "../report/statistics.ts";
import {
  type FoundOutages,
  type Missed,
  missedByOutages,
  silencesOf,
  verdictInWords,
  type WantedOutages,
} from "../report/verdicts.ts";
import { type AwayKill, killTailscaled, killTailscaledAlone, longOutage, outagePods } from "./outages.ts";

const usage = `How long pods are silent when parts of the network die, on a direct pair of nodes.
Usage: npm run bench -- outages [--kills N] [--away-kills N] [--minutes N] [--mode MODE] [--json]     (as root)
  --kills N        tailscaled killed so often with Headscale up (20)
  --away-kills N   tailscaled killed so often with Headscale away, which then returns (10)
  --minutes N      Headscale away for so long, a direct and a relay-only pair (0: not at all)
  --mode MODE      daemon (the default) or host
Ends with code 1 when a bar is missed: a median of 1 s and at most 5 s of silence, no packet lost without a kill.
`;

/** `npm run bench -- outages`; returns the exit code: 1 when a bar is missed, 2 for words it does not know. */
export async function outagesCommand(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      kills: { type: "string" },
      "away-kills": { type: "string" },
      minutes: { type: "string" },
      ...modeOption,
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  const wanted: WantedOutages = {
    kills: Number(values.kills ?? 20),
    awayKills: Number(values["away-kills"] ?? 10),
    minutes: Number(values.minutes ?? 0),
  };
  const sensible = Object.values(wanted).every((count) => Number.isInteger(count) && count >= 0);
  if (values.help === true || !sensible) {
    process.stderr.write(usage);
    return values.help === true ? 0 : 2;
  }
  const progress = stderrProgress();
  const interrupts = stopLabOnInterrupt(progress);
  const size = wanted.minutes > 0 ? { nodes: 3, relayOnly: ["n3"] } : { nodes: 2 };
  const lab = await startLab({ ...size, mode: modeOf(values.mode), progress, onClaimed: interrupts.watch });
  try {
    const found = await measure(lab, wanted, progress);
    const missed = missedByOutages(found, wanted);
    const printed =
      values.json === true ? JSON.stringify({ ...found, missed }) : inWords(found, wanted, missed);
    process.stdout.write(`${printed}\n`);
    return missed.length === 0 ? 0 : 1;
  } finally {
    await stopLab(lab.id, progress);
    interrupts.release();
  }
}

async function measure(
  lab: Lab,
  { kills, awayKills, minutes }: WantedOutages,
  progress: Progress,
): Promise<FoundOutages> {
  const pods = await outagePods(lab);
  const [from, to] = pods;
  if (from === undefined || to === undefined) throw new BenchError("BAD_OPTION", "outages need two nodes");
  const killed: number[] = [];
  for (let kill = 1; kill <= kills; kill += 1) {
    killed.push(await killTailscaled(lab, [from, to]));
    progress(`Kill ${kill} of ${kills}: silent for ${killed.at(-1)} ms`);
  }
  const away: AwayKill[] = [];
  for (let kill = 1; kill <= awayKills; kill += 1) {
    away.push(await killTailscaledAlone(lab, [from, to]));
    progress(`Kill ${kill} of ${awayKills} with Headscale away: ${JSON.stringify(away.at(-1))}`);
  }
  return { killed, away, outage: minutes > 0 ? await longOutage(lab, pods, minutes, progress) : [] };
}

function inWords(found: FoundOutages, { minutes }: WantedOutages, missed: Missed): string {
  const silences = Object.entries(silencesOf(found)).flatMap(([what, group]) => {
    const sorted = [...group].sort((a, b) => a - b);
    const middle = median(sorted).toFixed(0);
    return sorted.length === 0 ? [] : [`${what}: silent for ${sorted.join(" ")} ms (median ${middle})`];
  });
  const losses = found.outage.map(
    ({ pair, sent, lost }) => `Headscale away for ${minutes} min, ${pair}: ${lost} of ${sent} datagrams lost`,
  );
  return [...silences, ...losses, verdictInWords(missed)].join("\n");
}
