import { readdir, readFile, stat } from "node:fs/promises";
import { version as kernelVersion, release } from "node:os";
import { dirname, join } from "node:path";
import { runProgram } from "../../adapters/nftables/run-program.ts";
import { createLocalApi } from "../../adapters/tailscale/local-api.ts";
import { findWire } from "../../adapters/wire/find-wire.ts";
import { wireRecordPath } from "../../adapters/wire/wire-record.ts";
import { version } from "../../protocol/version.ts";
import { CliError } from "../cli-error.ts";
import type { CliCall, CliCommand } from "../command.ts";
import { configShow } from "../config/config-show.ts";
import { configValidate } from "../config/config-validate.ts";
import type { DaemonClient } from "../daemon-client.ts";
import { doctorCommand } from "../doctor/doctor-command.ts";
import { logsCommand } from "../logs/logs-command.ts";
import { machinesCommand } from "../machines/machines-command.ts";
import { askHelper } from "../program-commands.ts";
import { statusCommand } from "../status/status-command.ts";
import { traceCommand } from "../trace/trace-command.ts";
import { wireClient } from "../wire-client.ts";
import { recordingFiles } from "./recording-files.ts";

/** A file of the bundle, made when its turn comes; what it throws becomes a line of the manifest. */
export interface PlannedFile {
  readonly path: string;
  readonly make: (call: CliCall) => Promise<string>;
}

/** What is asked of this node, each part by itself: one that fails does not keep the others out. */
export const plannedFiles: readonly PlannedFile[] = [
  { path: "versions.json", make: async () => json(await versions()) },
  { path: "status.json", make: (call) => answerOf(statusCommand, call) },
  { path: "machines.json", make: (call) => answerOf(machinesCommand, call) },
  { path: "trace.json", make: (call) => answerOf(traceCommand, call) },
  { path: recordingFiles.daemon, make: ({ context }) => recordingOf(context.daemon) },
  { path: recordingFiles.wire, make: ({ context }) => recordingOf(wireClient(context.daemon)) },
  { path: "healthz.json", make: (call) => page(call, "/healthz") },
  { path: "ready.json", make: (call) => page(call, "/ready") },
  { path: "metrics.txt", make: (call) => page(call, "/metrics") },
  { path: "config.json", make: (call) => answerOf(configShow, call) },
  { path: "config-problems.json", make: (call) => answerOf(configValidate, call) },
  { path: "logs.json", make: (call) => answerOf(logsCommand, call, { lines: "5000" }) },
  {
    path: "tailscaled.json",
    make: (call) => answerOf(logsCommand, call, { lines: "2000", tailscaled: true }),
  },
  { path: "doctor.json", make: (call) => answerOf(doctorCommand, call, { all: true }) },
  { path: "kernel/node.json", make: () => askHelper("kernel-snapshot") },
  {
    path: "kernel/tailnet.json",
    make: async (call) => askHelper("kernel-snapshot", await tailnetNetns(call)),
  },
  { path: "nftables/node.txt", make: () => ruleset() },
  { path: "nftables/tailnet.txt", make: async (call) => ruleset(await tailnetNetns(call)) },
  { path: "tailscale-status.json", make: tailscaleStatus },
  { path: "runtime-files.txt", make: (call) => listing(dirname(call.context.target.socketPath)) },
];

/** What another command would print with `-o json`. */
async function answerOf(
  command: CliCommand,
  { context }: CliCall,
  options: CliCall["options"] = {},
): Promise<string> {
  const printed: string[] = [];
  const own = { ...context, json: true, out: (text: string) => printed.push(text) };
  await command.run?.({ context: own, verb: command.name, words: [], options });
  return `${printed.join("\n")}\n`;
}

async function page({ context }: CliCall, path: string): Promise<string> {
  return (await context.daemon.get(path)).body;
}

/** What the flight recorder of a program holds. */
async function recordingOf(program: DaemonClient): Promise<string> {
  const { status, body } = await program.get("/debug/recording");
  if (status === 200) return body;
  throw new CliError(
    "NOT_FOUND",
    `this program keeps no recording (status ${status}): is it of an earlier release?`,
  );
}

async function versions() {
  const read = (file: string) => readFile(file, "utf8").catch(() => "");
  const osName = /^PRETTY_NAME="?([^"\n]*)/m.exec(await read("/etc/os-release"))?.[1] ?? "unknown";
  return {
    headcnictl: version,
    node: process.version,
    kernel: `${release()} ${kernelVersion()}`,
    system: osName,
    at: new Date().toISOString(),
  };
}

/** Where the tailnet namespace can be entered. Throws WireError while headcni-wire does not run. */
async function tailnetNetns({ context }: CliCall): Promise<string> {
  const { launcher } = await findWire(wireRecordPath(dirname(context.target.socketPath)));
  return `/proc/${launcher.pid}/ns/net`;
}

function ruleset(netns?: string): Promise<string> {
  return runProgram({ program: "nft", args: ["list", "ruleset"], netns });
}

async function tailscaleStatus({ context }: CliCall): Promise<string> {
  const api = createLocalApi(join(dirname(context.target.socketPath), "tailscaled.sock"));
  try {
    return await api.call({ method: "GET", path: "status" }, context.signal);
  } finally {
    api.close();
  }
}

async function listing(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true });
  const lines = await Promise.all(
    entries.toSorted().map(async (entry) => {
      const about = await stat(join(folder, entry)).catch(() => undefined);
      if (about === undefined) return `${entry}: gone`;
      const mode = (about.mode & 0o7777).toString(8).padStart(4, "0");
      return `${mode} ${String(about.size).padStart(9)} ${about.mtime.toISOString()} ${entry}`;
    }),
  );
  return `${folder}\n${lines.join("\n")}\n`;
}

export function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
