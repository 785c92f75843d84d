import { LabError } from "../lab/lab-error.ts";
import { type Progress, stderrProgress } from "../lab/progress.ts";
import { startLab } from "../lab/start-lab.ts";
import { stopLab } from "../lab/stop-lab.ts";
import { stopLabOnInterrupt } from "../lab/stop-on-interrupt.ts";
import { BenchError } from "./bench-error.ts";
import { inspectorCommand } from "./observing/inspector-command.ts";
import { type Options, type Part, parseOptions, usage } from "./options.ts";
import { killsCommand } from "./outages/kills-command.ts";
import { outagesCommand } from "./outages/outages-command.ts";
import {
  addFleet,
  type Bench,
  benchAddAndDel,
  benchPodsAgainstTailnet,
  benchRecorder,
  benchRestarts,
  benchRestores,
  benchRss,
  benchStubAlone,
  type PartFindings,
  profileAddAndDel,
} from "./parts.ts";
import { benchPolicy } from "./policy/policy-part.ts";
import { missedBars } from "./report/bars.ts";
import { asJson, asText, exitCodeOf, type Findings } from "./report/report.ts";
import { nodesCommand } from "./scale/nodes-command.ts";
import { podsCommand } from "./scale/pods-command.ts";
import { stormCommand } from "./storm/storm-command.ts";

/** Benchmarks with a lab of their own kind, by their first word. */
const commands: Readonly<Record<string, (argv: readonly string[]) => Promise<number>>> = {
  storm: stormCommand,
  kills: killsCommand,
  outages: outagesCommand,
  nodes: nodesCommand,
  pods: podsCommand,
  inspector: inspectorCommand,
};

const nothing: Findings = { metrics: {}, plugins: [], raw: {}, hints: [], failures: {} };

const profileHint = "Where the daemon's time goes: npm run bench -- --only add,del --rounds 1 --profile";

type PartRun = { readonly parts: readonly Part[]; readonly run: (bench: Bench) => Promise<PartFindings> };

/** The parts that need a lab, in the order they run; ADD and DEL are measured together. */
const labParts: readonly PartRun[] = [
  { parts: ["add", "del"], run: benchAddAndDel },
  { parts: ["datapath"], run: benchPodsAgainstTailnet },
  { parts: ["restore"], run: benchRestores },
  // A thousand machines known: from here on the daemons have them as peers.
  { parts: ["rss", "start"], run: addFleet },
  { parts: ["rss"], run: benchRss },
  { parts: ["start"], run: benchRestarts },
];

/** Runs the wanted parts, prints what they found and returns the exit code: 1 if a bar is missed or a part could not be measured. */
async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv);
  if (options.help) {
    process.stdout.write(usage);
    return 0;
  }
  const findings = await runParts(options, stderrProgress());
  const missed = missedBars(findings.metrics).length > 0;
  const whole = options.profile || !missed ? findings : merged(findings, { hints: [profileHint] });
  process.stdout.write(options.json ? `${JSON.stringify(asJson(whole))}\n` : asText(whole));
  return exitCodeOf(findings);
}

async function runParts(options: Options, progress: Progress): Promise<Findings> {
  const wanted = labParts.filter(({ parts }) => parts.some((part) => options.only.includes(part)));
  let findings = nothing;
  // First, while the machine is quiet: they need no lab.
  if (options.only.includes("recorder")) {
    findings = merged(findings, await attempt("recorder", () => benchRecorder(progress)));
  }
  if (options.only.includes("stub")) {
    findings = merged(findings, await attempt("stub", () => benchStubAlone(progress)));
  }
  if (wanted.length > 0)
    findings = merged(findings, await attempt("lab", () => runInLab(wanted, options, progress)));
  if (options.only.includes("policy") && options.daemon !== "none")
    findings = merged(findings, await attempt("policy", () => benchPolicy(options, progress)));
  return findings;
}

async function runInLab(wanted: readonly PartRun[], options: Options, progress: Progress): Promise<Findings> {
  const interrupts = stopLabOnInterrupt(progress);
  // Addresses rest for a second only: each batch takes a hundred of a node's 253.
  const config = { "ipam.restSeconds": 1 };
  const lab = await startLab({
    nodes: 2,
    mode: options.mode,
    daemon: options.daemon,
    config,
    progress,
    onClaimed: interrupts.watch,
  });
  let findings = nothing;
  for (const { parts, run } of wanted) {
    findings = merged(findings, await attempt(parts.join(","), () => run({ lab, options, progress })));
  }
  if (options.profile) {
    findings = merged(findings, await attempt("profile", () => profileAddAndDel({ lab, options, progress })));
  }
  const down = await attempt("lab down", () => stopLab(lab.id, progress).then(() => ({})));
  interrupts.release();
  return merged(findings, down);
}

/** A part that breaks does not take the others' numbers with it. */
async function attempt(part: string, run: () => Promise<Partial<Findings>>): Promise<Partial<Findings>> {
  try {
    return await run();
  } catch (error) {
    return { failures: { [part]: error instanceof Error ? error.message : String(error) } };
  }
}

function merged(a: Findings, b: Partial<Findings>): Findings {
  return {
    metrics: { ...a.metrics, ...b.metrics },
    plugins: [...a.plugins, ...(b.plugins ?? [])],
    raw: { ...a.raw, ...b.raw },
    hints: [...a.hints, ...(b.hints ?? [])],
    failures: { ...a.failures, ...b.failures },
  };
}

try {
  const [first, ...rest] = process.argv.slice(2);
  const command = first === undefined ? undefined : commands[first];
  process.exitCode = await (command?.(rest) ?? main(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof BenchError || error instanceof LabError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.code === "BAD_OPTION" ? 2 : 1;
}
