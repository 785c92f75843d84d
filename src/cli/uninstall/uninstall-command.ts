import { execa } from "execa";
import { somebodyAnswers } from "../../adapters/unix-socket/somebody-answers.ts";
import { loadConfig } from "../../config/load-config.ts";
import { runtimePaths } from "../../config/runtime-paths.ts";
import { CliError } from "../cli-error.ts";
import type { CliCall, CliCommand, CliContext } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { removeBootUnit, removeUnits } from "../install/systemd.ts";
import { documentCommand } from "../output/document-command.ts";
import { formatTable } from "../output/table.ts";
import { daemonCommand } from "../program-commands.ts";
import { findRemains } from "./find-remains.ts";
import type { Remain } from "./remains.ts";

/** Longer than all limits of a cleanup together. */
const longestMs = 120_000;

interface UninstallDocument {
  readonly clean: boolean;
  readonly remains: readonly Remain[];
  /** What `headcni --cleanup` said; empty with --check. */
  readonly report: string;
}

export const uninstallCommand: CliCommand = documentCommand({
  kind: "Uninstall",
  name: "uninstall",
  summary: "remove everything HeadCNI made on this node, and check that the node is clean",
  synonyms: ["cleanup", "remove", "purge", "delete"],
  options: [
    { flags: "--yes", summary: "confirm: every pod of this node loses its network" },
    { flags: "--check", summary: "only check whether the node is clean; change nothing" },
  ],
  notes: [
    "Exit code 1 if something is left: then do what it says and repeat it. The node stays registered in Headscale, and the configuration file stays.",
    "In Kubernetes `helm uninstall` does this on every node; `--check` proves it here.",
  ].join("\n"),
  collect,
  render: ({ clean, remains, report }, paper) => {
    const { style } = paper;
    const head = report === "" ? [] : [report];
    if (clean) return [...head, style.good("nothing of HeadCNI is left on this node")].join("\n");
    if (remains.length === 0) return [...head, style.bad("the cleanup is incomplete")].join("\n");
    const rows = remains.map(({ what, name }) => [what, name]);
    return [
      ...head,
      formatTable({ headings: ["LEFT", "WHAT"], rows }, paper),
      "",
      style.bad(
        `of HeadCNI ${remains.length === 1 ? "1 thing is" : `${remains.length} things are`} left on this node`,
      ),
    ].join("\n");
  },
  exitCode: ({ clean }) => (clean ? exitCodes.ok : exitCodes.problem),
});

async function collect({ context, options }: CliCall): Promise<UninstallDocument> {
  const { configFile } = context.target;
  const sources = { file: configFile, environment: context.environment, flags: [] };
  // The keys may be gone already.
  const config = loadConfig(sources, { credentials: "unread" });
  let cleanup = { complete: true, report: "" };
  if (options["check"] !== true) {
    if (options["yes"] !== true)
      throw new CliError(
        "USAGE",
        "uninstall removes the network of every pod of this node: repeat it with --yes\nheadcnictl uninstall --check changes nothing",
      );
    context.progress.step("Stopping the daemon");
    await removeUnits(context.signal);
    if (await somebodyAnswers(runtimePaths(config).cniSocket))
      throw new CliError(
        "FAILED",
        `the daemon still runs (it answers on ${runtimePaths(config).cniSocket}): stop it first; in Kubernetes use helm uninstall`,
      );
    context.progress.step("Cleaning up");
    cleanup = await runCleanup(configFile, context);
    if (cleanup.complete) await removeBootUnit(context.signal);
  }
  context.progress.step("Looking for what is left");
  const remains = await findRemains(config);
  const { complete, report } = cleanup;
  const clean = complete && remains.length === 0;
  return { clean, remains, report };
}

/** Runs `headcni --cleanup` and shows each of its lines as progress. */
async function runCleanup(configFile: string, { progress, signal }: CliContext) {
  const [program = "", ...args] = daemonCommand("--config", configFile, "--cleanup");
  const child = execa(program, args, {
    cancelSignal: signal,
    timeout: longestMs,
    killSignal: "SIGKILL",
    reject: false,
    all: true,
  });
  for await (const line of child.iterable({ from: "all" })) progress.step(line);
  const { exitCode, all } = await child;
  return { complete: exitCode === 0, report: all };
}
