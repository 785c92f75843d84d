import { examineConfig } from "../../config/load-config.ts";
import { runtimePaths } from "../../config/runtime-paths.ts";
import { parsePrefix } from "../../domain/addresses/prefix.ts";
import { toFailure } from "../../domain/failure.ts";
import { CliError } from "../cli-error.ts";
import type { CliCall, CliCommand } from "../command.ts";
import { askReadiness } from "../doctor/ask-readiness.ts";
import { doctorSettings } from "../doctor/doctor-settings.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { textOf } from "../options/option-values.ts";
import { printDocument, visibleDocument } from "../output/document.ts";
import { helperCommand } from "../program-commands.ts";
import { openAgent } from "./agent/agent.ts";
import { answerJsonLines } from "./agent/json-lines.ts";
import { openRemoteNode } from "./agent/remote-node.ts";
import { connectTestDocument } from "./connect-test-document.ts";
import { connectTestText } from "./connect-test-text.ts";
import { type MatrixResult, runMatrix } from "./run-matrix.ts";

const defaultSeconds = "1";

export const connectTestCommand: CliCommand = {
  name: "connect-test",
  summary: "test the path from this node's pods to all other nodes, or between all nodes with --via",
  synonyms: ["ping", "connectivity", "connecttest"],
  options: [
    {
      flags: "--via <command>",
      summary: 'how headcnictl is run on another node, with {node} for its name: "ssh {node} headcnictl"',
    },
    {
      flags: "--from <node>",
      summary: "with --via: begin at this node, so that the command can run anywhere",
    },
    { flags: "--seconds <number>", summary: `TCP time for each pair (default ${defaultSeconds}, 0: none)` },
    {
      flags: "--family <family>",
      summary: "test IPv4 or IPv6 only (default: each that pods have)",
      choices: ["4", "6"],
    },
    { flags: "--agent", summary: "serve another headcnictl on stdin and stdout" },
  ],
  notes: [
    "Run it as root on a node. It attaches a pod of its own with the real plugin, sends echoes of 64 bytes and of the pods' full",
    "size, which must not be fragmented, and detaches it again. With --via every other node does the same, all ordered pairs are",
    "tested, and TCP is measured from pod to pod. Exit code 1 if a pair fails.",
  ].join("\n"),
  run: async (call) => (call.options["agent"] === true ? await runAgent(call) : await runTest(call)),
};

async function runTest({ context, options }: CliCall): Promise<ExitCode> {
  const [via, from] = [textOf(options["via"]), textOf(options["from"])];
  const seconds = Number(options["seconds"] ?? defaultSeconds);
  if (!(seconds >= 0 && seconds <= 60))
    throw new CliError(
      "USAGE",
      `--seconds must be a number from 0 to 60, not "${String(options["seconds"])}"`,
    );
  if (via?.includes("{node}") === false)
    throw new CliError("USAGE", '--via must say where the node\'s name goes, as in "ssh {node} headcnictl"');
  if (from !== undefined && via === undefined)
    throw new CliError("USAGE", "--from needs --via, which says how to reach that node");
  const test = (family: 4 | 6 | undefined) => {
    const words = ["connect-test", "--agent", ...(family === undefined ? [] : ["--family", String(family)])];
    const reach = (node: string | undefined) =>
      openRemoteNode(
        via === undefined || node === undefined ? ownAgent(context, words) : agentBy(via, node, words),
      );
    return runMatrix(reach(from), {
      signal: context.signal,
      throughputMs: seconds * 1000,
      said: context.progress.step,
      open: via === undefined ? undefined : reach,
    }).catch((error: unknown) => {
      throw new CliError("FAILED", `the test cannot begin on this node: ${toFailure(error).message}`, error);
    });
  };
  const only = familyIn(options);
  const results = [await test(only)];
  // The first answer tells which families there are.
  if (only === undefined) for (const family of otherFamilies(results[0])) results.push(await test(family));
  const document = visibleDocument(connectTestDocument(results));
  context.out(context.json ? printDocument("ConnectTest", document) : connectTestText(document, context));
  const failed = document.absent.length > 0 || document.pairs.some((pair) => pair.result === "fail");
  return failed ? exitCodes.problem : exitCodes.ok;
}

function familyIn(options: CliCall["options"]): 4 | 6 | undefined {
  const family = options["family"];
  return family === undefined ? undefined : family === "4" ? 4 : 6;
}

/** The families of the first node's pods beside the one that was tested. */
function otherFamilies(result: MatrixResult | undefined): readonly (4 | 6)[] {
  const [tested, ...others] = [
    ...new Set((result?.nodes[0]?.podCidrs ?? []).map((cidr) => parsePrefix(cidr).family)),
  ];
  return tested === undefined ? [] : others;
}

/** A shell line, as the person wrote it. Node names are DNS labels, and become a word of it. */
function agentBy(via: string, node: string, words: readonly string[]): readonly string[] {
  const name = node.replace(/[^A-Za-z0-9.-]/g, "");
  return ["sh", "-c", `${via.replaceAll("{node}", name)} ${words.join(" ")}`];
}

/** This node takes part like all others: through a process of its own. */
function ownAgent({ target }: CliCall["context"], words: readonly string[]): readonly string[] {
  const self = process.argv[1] ?? "";
  const where = ["--config", target.configFile, "--socket", target.socketPath];
  return [process.execPath, ...process.execArgv, self, ...where, ...words];
}

async function runAgent({ context, options }: CliCall): Promise<ExitCode> {
  const examined = examineConfig({
    file: context.target.configFile,
    environment: context.environment,
    flags: [],
  });
  const settings = doctorSettings(examined);
  if (settings.supernets.length === 0)
    throw new CliError(
      "USAGE",
      `${context.target.configFile} gives no network.podCIDR; see headcnictl config validate`,
    );
  const stop = new AbortController();
  const agent = await openAgent(
    {
      nodeName: settings.nodeName,
      hostnamePrefix: String(examined.get("tailscale.hostnamePrefix") ?? ""),
      runtimeDir: settings.runtimeDir,
      supernets: settings.supernets,
      ownPrefixes: settings.ownPrefixes,
      family: familyIn(options),
      linkPrefixes: settings.linkPrefixes,
      tunnelName: settings.tunnelName,
      mtu: settings.mtu,
      cniBinDir: settings.cniBinDir,
      sysctlDir: settings.sysctlDir,
      networkName: String(examined.get("cni.networkName") ?? "headcni"),
      cniSocket: runtimePaths(settings).cniSocket,
      daemonFault: async () => {
        const readiness = await askReadiness(context.daemon).catch(
          (error: unknown) => toFailure(error).message,
        );
        if (typeof readiness === "string") return readiness;
        return readiness.serving ? "" : readiness.reason || "it does not serve";
      },
      podWorker: helperCommand("pod-worker"),
    },
    stop.signal,
  );
  // Ctrl-C reaches the whole group of processes: what was made must go all the same, and stdin ends with the other side.
  process.on("SIGTERM", () => process.stdin.destroy());
  await answerJsonLines(process.stdin, process.stdout, agent.answerers);
  stop.abort();
  await agent.close();
  return exitCodes.ok;
}
