import { parseArgs } from "node:util";
import { stderrProgress } from "../../lab/progress.ts";
import { startLab } from "../../lab/start-lab.ts";
import { stopLab } from "../../lab/stop-lab.ts";
import { stopLabOnInterrupt } from "../../lab/stop-on-interrupt.ts";
import { modeOf, modeOption } from "../mode-option.ts";
import { podsPerWave, storm } from "./storm.ts";
import { inWords, judge } from "./storm-verdict.ts";

const usage = `The life and death of many pods on one node: what grows, and what is left behind.
Usage: npm run bench -- storm [--lives N] [--daemon bundle|source] [--mode daemon|host] [--json]     (as root)
  --lives N    pod lives after the warm-up (100000: ten to twenty minutes)
Ends with code 1 when the heap grew by more than 10 MB, or the kernel has something more than before.
`;

/** `npm run bench -- storm`; returns the exit code: 1 when a bar is missed, 2 for words it does not know. */
export async function stormCommand(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      lives: { type: "string" },
      daemon: { type: "string" },
      ...modeOption,
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  const lives = Number(values.lives ?? 100_000);
  if (values.help === true || !Number.isInteger(lives) || lives < podsPerWave) {
    process.stderr.write(usage);
    return values.help === true ? 0 : 2;
  }
  const progress = stderrProgress();
  const interrupts = stopLabOnInterrupt(progress);
  const lab = await startLab({
    nodes: 1,
    mode: modeOf(values.mode),
    daemon: values.daemon === "source" ? "source" : "bundle",
    config: { "ipam.restSeconds": 0 },
    progress,
    onClaimed: interrupts.watch,
  });
  try {
    const taken = await storm(lab, lives, progress);
    const verdict = judge(taken);
    process.stdout.write(
      values.json === true ? `${JSON.stringify({ ...verdict, looks: taken })}\n` : inWords(verdict, taken),
    );
    return verdict.missed.length === 0 ? 0 : 1;
  } finally {
    await stopLab(lab.id, progress);
    interrupts.release();
  }
}
