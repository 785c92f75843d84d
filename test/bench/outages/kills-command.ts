import { parseArgs } from "node:util";
import { killStorm, type StormReport, waitUntilNothingIsLeft } from "../../e2e/support/kill-storm.ts";
import type { Lab } from "../../lab/lab-types.ts";
import { type Progress, stderrProgress } from "../../lab/progress.ts";
import { startLab } from "../../lab/start-lab.ts";
import { stopLab } from "../../lab/stop-lab.ts";
import { stopLabOnInterrupt } from "../../lab/stop-on-interrupt.ts";
import { BenchError } from "../bench-error.ts";
import { modeOf, modeOption } from "../mode-option.ts";
import { type Missed, missedByKills, verdictInWords } from "../report/verdicts.ts";

const usage = `Kills the daemon with -9 at random moments under a storm of ADD and DEL, and looks for what must never be.
Usage: npm run bench -- kills [--kills N] [--mode MODE] [--json]     (as root)
  --kills N    kills (500: ten to twenty minutes)
  --mode MODE  daemon (the default) or host
Ends with code 1 when an address was given twice or leaked, a success was none, or no ADD answered success.
`;

/** `npm run bench -- kills`; returns the exit code: 1 when something was lost or leaked, 2 for words it does not know. */
export async function killsCommand(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      kills: { type: "string" },
      ...modeOption,
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  const kills = Number(values.kills ?? 500);
  if (values.help === true || !Number.isInteger(kills) || kills < 1) {
    process.stderr.write(usage);
    return values.help === true ? 0 : 2;
  }
  const progress = stderrProgress();
  const interrupts = stopLabOnInterrupt(progress);
  const lab = await startLab({ nodes: 1, mode: modeOf(values.mode), progress, onClaimed: interrupts.watch });
  try {
    const { leaked, ...storm } = await weather(lab, kills, progress);
    const missed = missedByKills(storm, leaked);
    const printed =
      values.json === true
        ? JSON.stringify({ kills, ...storm, leaked, missed })
        : inWords(kills, storm, missed);
    process.stdout.write(`${printed}\n`);
    return missed.length === 0 ? 0 : 1;
  } finally {
    await stopLab(lab.id, progress);
    interrupts.release();
  }
}

async function weather(
  lab: Lab,
  kills: number,
  progress: Progress,
): Promise<StormReport & { readonly leaked: readonly string[] }> {
  const [node] = lab.nodes;
  if (node === undefined) throw new BenchError("BAD_OPTION", "the lab has no node");
  const storm = await killStorm(lab, node, kills, (count) => {
    if (count % 25 === 0) progress(`Kills: ${count} of ${kills}`);
  });
  const leaked = await waitUntilNothingIsLeft(node).then(
    () => [],
    (error: unknown) => [String(error)],
  );
  return { ...storm, leaked };
}

function inWords(kills: number, { adds, dels, refused }: StormReport, missed: Missed): string {
  return [
    `${kills} kills -9: ${adds} ADDs answered success, ${refused} were to be repeated, ${dels} DELs`,
    missed.length === 0 ? "no address twice, none leaked, every success true" : `${missed.length} findings`,
    verdictInWords(missed.slice(0, 20)),
  ].join("\n");
}
