import { tailscaledPaths } from "../../adapters/tailscale/tailscaled-command.ts";
import { explainProblem } from "../../config/config-error.ts";
import { readKey } from "../../config/keys/key-reader.ts";
import { type ExaminedConfig, examineConfig } from "../../config/load-config.ts";
import { runtimePaths } from "../../config/runtime-paths.ts";
import { isSecret } from "../../config/secret.ts";
import type { CliCall, CliCommand } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { textOf } from "../options/option-values.ts";
import { documentCommand } from "../output/document-command.ts";
import { helperCommand } from "../program-commands.ts";
import { askReadiness } from "./ask-readiness.ts";
import { doctorSettings } from "./doctor-settings.ts";
import { doctorText } from "./doctor-text.ts";
import { type Finding, fail, findingOf, ok } from "./judge/finding.ts";
import { countResults, judge } from "./judge/judge.ts";
import { readDoctorFacts } from "./read/read-doctor-facts.ts";
import { runKernelTrials } from "./read/run-kernel-trials.ts";

export const doctorCommand: CliCommand = documentCommand({
  kind: "Doctor",
  name: "doctor",
  summary: "check what HeadCNI needs, before an install and on a running node; change nothing",
  synonyms: ["check", "preflight", "verify"],
  options: [
    { flags: "--all", summary: "show every check, also those that pass" },
    { flags: "--api-key-file <file>", summary: "a Headscale API key, to check keys, policy and routes too" },
    { flags: "--headscale-url <url>", summary: "instead of headscale.url of the configuration" },
    { flags: "--pod-cidr <prefix>", summary: "instead of network.podCIDR of the configuration" },
  ],
  notes:
    "Run it as root on the node. Exit code 1 if a check fails, 0 with notes alone.\nExample: headcnictl doctor --api-key-file headscale-api-key",
  collect: examineNode,
  render: ({ findings }, { style, width }, { all }) =>
    doctorText(findings, { style, width, all: all === true }),
  exitCode: ({ counts }) => (counts.fail > 0 ? exitCodes.problem : exitCodes.ok),
});

async function examineNode({ context, options }: CliCall) {
  const { target, environment, signal } = context;
  const flags = [
    ...(typeof options["headscaleUrl"] === "string" ? [`headscale.url=${options["headscaleUrl"]}`] : []),
    ...(typeof options["podCidr"] === "string" ? [`network.podCIDR=${options["podCidr"]}`] : []),
  ];
  const examined = examineConfig({ file: target.configFile, environment, flags });
  const settings = doctorSettings(examined);
  const { get } = examined;
  const text = (path: string) => {
    const value = get(path);
    return typeof value === "string" ? value : undefined;
  };
  const inline = get("headscale.authKey");
  const apiKeyFile = textOf(options["apiKeyFile"]) ?? text("headscale.apiKeyFile");
  const facts = await readDoctorFacts(
    {
      tailscaled: text("tailscale.binary") ?? "tailscaled",
      paths: runtimePaths(settings),
      tailscaledSocket: settings.ownerSocket || tailscaledPaths(settings).socket,
      authKey: () =>
        readKey({ file: text("headscale.authKeyFile"), value: isSecret(inline) ? inline : undefined }),
      apiKey: () => readKey({ file: apiKeyFile }),
      kubeconfig: text("kubernetes.kubeconfig"),
      environment,
      askDaemon: () => askReadiness(context.daemon),
      trials: () => {
        const families = settings.supernets.some((prefix) => prefix.includes(":")) ? ["4", "6"] : ["4"];
        return runKernelTrials(helperCommand("kernel-trials", settings.sysctlDir, ...families), signal);
      },
    },
    settings,
    context.progress.step,
    signal,
  );
  const findings = [...configurationFindings(examined, target.configFile), ...judge(facts, settings)];
  return { nodeName: settings.nodeName, counts: countResults(findings), findings };
}

function configurationFindings({ problems }: ExaminedConfig, file: string): readonly Finding[] {
  const refusals = problems.map((problem) =>
    fail({
      found: explainProblem(problem),
      why: "The daemon does not start with it; checks that need it are left out below.",
      todo:
        problem.path === ""
          ? "Write the file (headcnictl config explain), name another with --config, or set HEADCNI_... variables."
          : `See headcnictl config explain ${problem.path.replace(/\[.*/, "")}.`,
    }),
  );
  const outcomes = refusals.length === 0 ? [ok(file)] : refusals;
  return outcomes.map((outcome) => findingOf("configuration.valid", outcome));
}
