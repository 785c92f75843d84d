import { parseArgs } from "node:util";
import { killStorm, type StormReport, waitUntilNothingIsLeft } from "../../e2e/support/kill-storm.ts";
import {
  type PolicyFindings,
  policyStorm,
  policyStormLab,
  waitUntilNobodyIsIsolated,
} from "../../e2e/support/policy-storm.ts";
import { connectApi } from "../../lab/kubernetes/control-plane/api-connection.ts";
import type { Lab } from "../../lab/lab-types.ts";
import { type Progress, stderrProgress } from "../../lab/progress.ts";
import { startLab } from "../../lab/start-lab.ts";
import { stopLab } from "../../lab/stop-lab.ts";
import { stopLabOnInterrupt } from "../../lab/stop-on-interrupt.ts";
import { BenchError } from "../bench-error.ts";
import { modeOf, modeOption } from "../mode-option.ts";
import { type Missed, missedByKills, missedByPolicyStorm, verdictInWords } from "../report/verdicts.ts";

const usage = `Kills the daemon with -9 at random moments under a storm of ADD and DEL, and looks for what must never be.
Usage: npm run bench -- kills [--kills N] [--network-policy] [--lives N] [--mode MODE] [--json]     (as root)
  --kills N         kills (500: ten to twenty minutes)
  --network-policy  half of the pods are isolated by a policy, a prober looks for gaps, and the API server is away now and then
  --lives N         goes on until so many ADDs answered success (0)
  --mode MODE       daemon (the default) or host
Ends with code 1 when an address was given twice or leaked, a success was none, a packet passed that the policy forbids, or no ADD
answered success.
`;

/** `npm run bench -- kills`; returns the exit code: 1 when something was lost or leaked, 2 for words it does not know. */
export async function killsCommand(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      kills: { type: "string" },
      lives: { type: "string" },
      "network-policy": { type: "boolean" },
      ...modeOption,
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  const kills = Number(values.kills ?? 500);
  const lives = Number(values.lives ?? 0);
  const wrong = [kills, lives].some((count) => !Number.isInteger(count)) || kills < 1 || lives < 0;
  if (values.help === true || wrong) {
    process.stderr.write(usage);
    return values.help === true ? 0 : 2;
  }
  const progress = stderrProgress();
  const interrupts = stopLabOnInterrupt(progress);
  const policies = values["network-policy"] === true;
  const lab = await startLab({
    ...(policies ? policyStormLab : { nodes: 1 }),
    mode: modeOf(values.mode),
    progress,
    onClaimed: interrupts.watch,
  });
  try {
    const { leaked, found, ...storm } = await weather(lab, { kills, lives, policies }, progress);
    const missed = [
      ...missedByKills(storm, leaked),
      ...(found === undefined ? [] : missedByPolicyStorm(found)),
    ];
    const printed =
      values.json === true
        ? JSON.stringify({ kills, ...storm, leaked, ...found, missed })
        : inWords(kills, storm, found, missed);
    process.stdout.write(`${printed}\n`);
    return missed.length === 0 ? 0 : 1;
  } finally {
    await stopLab(lab.id, progress);
    interrupts.release();
  }
}

type Weather = StormReport & {
  readonly leaked: readonly string[];
  readonly found: PolicyFindings | undefined;
};
type Wanted = { readonly kills: number; readonly lives: number; readonly policies: boolean };

/** Of so many kills one takes the API server with it. */
const awayEvery = 25;

async function weather(lab: Lab, { kills, lives, policies }: Wanted, progress: Progress): Promise<Weather> {
  const [node] = lab.nodes;
  if (node === undefined) throw new BenchError("BAD_OPTION", "the lab has no node");
  const api = policies ? await connectApi(lab) : undefined;
  const pods = api === undefined ? undefined : await policyStorm(lab, node, api);
  const storm = await killStorm(lab, node, {
    ...{ kills, lives },
    ...(pods === undefined ? {} : { pods, awayEvery }),
    told: (count, adds) => {
      if (count % 25 === 0) progress(`Kills: ${count} of ${kills}, ${adds} ADDs`);
    },
  }).finally(() => api?.close());
  const leaked = await waitUntilNothingIsLeft(node)
    .then(() => (policies ? waitUntilNobodyIsIsolated(node) : undefined))
    .then(
      () => [],
      (error: unknown) => [String(error)],
    );
  return { ...storm, leaked, found: pods?.findings() };
}

function inWords(
  kills: number,
  { adds, dels, refused }: StormReport,
  found: PolicyFindings | undefined,
  missed: Missed,
): string {
  return [
    `${kills} kills -9: ${adds} ADDs answered success, ${refused} were to be repeated, ${dels} DELs`,
    ...(found === undefined ? [] : [policyInWords(found)]),
    missed.length === 0 ? "no address twice, none leaked, every success true" : `${missed.length} findings`,
    verdictInWords(missed.slice(0, 20)),
  ].join("\n");
}

function policyInWords({ gaps, sent, openAnswers, closedLives, openLives }: PolicyFindings): string {
  const lives = `${closedLives} lives of isolated pods, ${openLives} of others`;
  return `${lives}: ${sent} probes sent, ${openAnswers} answers of the others, ${gaps.length} packets that passed the policy`;
}
