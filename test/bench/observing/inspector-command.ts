import { parseArgs } from "node:util";
import { stderrProgress } from "../../lab/progress.ts";
import { startLab } from "../../lab/start-lab.ts";
import { stopLab } from "../../lab/stop-lab.ts";
import { stopLabOnInterrupt } from "../../lab/stop-on-interrupt.ts";
import type { Measurement } from "../report/statistics.ts";
import { missedByInspector, verdictInWords } from "../report/verdicts.ts";
import { benchInspector, type InspectorFindings } from "./inspector-bench.ts";

const usage = `What the inspector costs an ADD, and how quick its page is.
Usage: npm run bench -- inspector [--pods N] [--rounds N] [--json]     (as root)
  --pods N     pods per batch (60)
  --rounds N   interleaved rounds (9)
Three daemons side by side: the inspector off, on, and on with a viewer. Then 200 pods come and go before a Chromium.
Ends with code 1 when a viewer makes an ADD slower by 5 %, or 1 of 100 transitions is drawn after more than 200 ms.
`;

/** `npm run bench -- inspector`; returns the exit code: 1 when a bar is missed, 2 for words it does not know. */
export async function inspectorCommand(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      pods: { type: "string" },
      rounds: { type: "string" },
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  const [pods, rounds] = [Number(values.pods ?? 60), Number(values.rounds ?? 9)];
  if (values.help === true || !(pods >= 2 && pods <= 110) || !(rounds >= 1)) {
    process.stderr.write(usage);
    return values.help === true ? 0 : 2;
  }
  const progress = stderrProgress();
  const interrupts = stopLabOnInterrupt(progress);
  const lab = await startLab({
    nodes: 3,
    config: { "ipam.restSeconds": 1 },
    progress,
    onClaimed: interrupts.watch,
  });
  try {
    const findings = await benchInspector(lab, { pods, rounds }, progress);
    const missed = missedByInspector(findings);
    process.stdout.write(
      values.json === true
        ? `${JSON.stringify({ ...findings, missed })}\n`
        : `${inWords(findings)}\n${verdictInWords(missed)}\n`,
    );
    return missed.length === 0 ? 0 : 1;
  } finally {
    await stopLab(lab.id, progress);
    interrupts.release();
  }
}

function inWords({ addOn, addWatched, addP50Ms, rssMb, latencyMs }: InspectorFindings): string {
  const spread = ({ median, low, high }: Measurement) =>
    `${median.toFixed(3)} (${low.toFixed(3)} .. ${high.toFixed(3)})`;
  return [
    `ADD p50: off ${addP50Ms.off.toFixed(2)} ms, on ${addP50Ms.on.toFixed(2)} ms, watched ${addP50Ms.watched.toFixed(2)} ms`,
    `ADD p50, on / off:       ${spread(addOn)}`,
    `ADD p50, watched / off:  ${spread(addWatched)}   bar <= 1.05`,
    `RSS: off ${rssMb.off.toFixed(1)} MB, on ${rssMb.on.toFixed(1)} MB, watched ${rssMb.watched.toFixed(1)} MB`,
    `transition -> drawn: p50 ${latencyMs.p50.toFixed(0)} ms, p99 ${latencyMs.p99.toFixed(0)} ms of ${latencyMs.transitions} transitions   bar <= 200 ms`,
  ].join("\n");
}
