import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Config } from "../../config/config-schema.ts";
import { loadConfig } from "../../config/load-config.ts";
import { runtimePaths } from "../../config/runtime-paths.ts";
import { statusPageSchema } from "../../observe/pages/status-page.ts";
import { CliError } from "../cli-error.ts";
import type { CliCall, CliCommand } from "../command.ts";
import { textOf } from "../options/option-values.ts";
import { documentCommand } from "../output/document-command.ts";
import { bundledPlugin, daemonCommand, wireCommand } from "../program-commands.ts";
import { runChild } from "../run-child.ts";
import { hasSystemd, type Service, startUnits, unitFile } from "./systemd.ts";

interface InstallDocument {
  readonly dryRun: boolean;
  /** What was done, or would be. */
  readonly steps: readonly string[];
  /** The daemon answers and serves pods; null when it is not ours to start. */
  readonly serving: boolean | null;
  /** What remains to be done by hand; empty when nothing does. */
  readonly todo: string;
}

const servingMs = 120_000;
const pollMs = 500;

export const installCommand: CliCommand = documentCommand({
  kind: "Install",
  name: "install",
  summary: "install HeadCNI on this node: the CNI plugin, and the daemon and headcni-wire as services",
  synonyms: ["setup", "init", "bootstrap"],
  options: [
    { flags: "--plugin <file>", summary: "the CNI plugin (default: the one beside headcnictl)" },
    { flags: "--no-service", summary: "install the plugin alone; something else starts the daemon" },
    { flags: "--dry-run", summary: "print what would be done; change nothing" },
  ],
  notes: [
    "For a node without Kubernetes; a cluster is installed with the Helm chart (deploy/chart/headcni).",
    "Write the configuration first (headcnictl config explain) and run headcnictl doctor.",
    "May be repeated: what is as it should be is left alone. After an upgrade of its files: systemctl restart headcni.",
  ].join("\n"),
  collect,
  render: ({ dryRun, steps, serving, todo }, { style }) =>
    [
      ...steps.map((step) => `${dryRun ? style.dim("would") : style.good("done")}  ${step}`),
      ...(serving === true ? [style.good("the daemon serves pods; see headcnictl status")] : []),
      ...(todo === "" ? [] : [style.warn(todo)]),
    ].join("\n"),
});

async function collect({ context, options }: CliCall): Promise<InstallDocument> {
  const { configFile } = context.target;
  const config = loadConfig({ file: configFile, environment: context.environment, flags: [] });
  const plugin = textOf(options["plugin"]) ?? bundledPlugin();
  if (plugin === undefined)
    throw new CliError(
      "USAGE",
      "there is no CNI plugin beside headcnictl: --plugin names its file (npm run build:stub makes it)",
    );
  const services = servicesOf(resolve(configFile), config);
  const service = options["service"] !== false && hasSystemd();
  const other = config.tailscale.mode === "host" ? "headcni-wire" : "headcni-guard";
  if (service && existsSync(unitFile(other)))
    throw new CliError(
      "FAILED",
      `${unitFile(other)} is of the other tailscale.mode: first headcnictl uninstall, with the mode that the node has now`,
    );
  const steps = [
    `${plugin} to ${config.cni.binDir}/headcni`,
    ...(service
      ? services.map(
          ({ name }) =>
            `${unitFile(name)}, enabled${name === "headcni-guard" ? " for the boot" : " and started"}`,
        )
      : []),
  ];
  const dryRun = options["dryRun"] === true;
  const todo = hasSystemd()
    ? ""
    : [
        "systemd does not run here: have your init system run",
        ...services.map(
          ({ name, command }) =>
            `  ${command.join(" ")}${name === "headcni-guard" ? "  (at boot, before tailscaled)" : ""}`,
        ),
      ].join("\n");
  if (dryRun) return { dryRun, steps, serving: null, todo };
  context.progress.step("Installing the plugin");
  await runChild(daemonCommand("--config", configFile, "--install-plugin", plugin), context.signal);
  if (!service) return { dryRun, steps, serving: null, todo };
  context.progress.step("Starting the daemon");
  const outdated = await startUnits(services, context.signal);
  return {
    dryRun,
    steps,
    serving: await waitUntilServing(context),
    todo: outdated
      .map(
        (name) =>
          `${name} runs by its old unit until it is restarted, which cuts the node off for some seconds`,
      )
      .join("\n"),
  };
}

/** What must run, the first thing first: beside the node's own tailscaled no headcni-wire, but the rules before it. */
function servicesOf(configFile: string, config: Config): readonly Service[] {
  if (config.tailscale.mode === "host") {
    const { cniSocket } = runtimePaths(config);
    return [
      { name: "headcni-guard", command: daemonCommand("--config", configFile, "--guard"), cniSocket },
      { name: "headcni", command: daemonCommand("--config", configFile), carrier: "tailscaled" },
    ];
  }
  return [
    { name: "headcni-wire", command: wireCommand("--config", configFile) },
    { name: "headcni", command: daemonCommand("--config", configFile) },
  ];
}

async function waitUntilServing(context: CliCall["context"]): Promise<boolean> {
  context.progress.step("Waiting until the daemon serves pods");
  const end = performance.now() + servingMs;
  let why = "";
  while (performance.now() < end) {
    try {
      const { readiness } = await context.daemon.page("/debug/status", statusPageSchema);
      if (readiness.serving) return true;
      why = readiness.reasons.join("; ");
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      why = error.message;
    }
    await pause(pollMs, undefined, { signal: context.signal });
  }
  throw new CliError(
    "FAILED",
    `the daemon does not serve after ${servingMs / 1000} s: ${why}\nsee headcnictl status and headcnictl logs`,
  );
}
