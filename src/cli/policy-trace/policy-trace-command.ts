import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { readFlow } from "../../domain/policy/trace-question.ts";
import type { AskedNode } from "../../domain/policy/trace-verdict.ts";
import { policyTracePageSchema, policyTracePath } from "../../observe/pages/policy-trace-page.ts";
import { CliError } from "../cli-error.ts";
import type { CliCall, CliCommand, CliContext } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { documentCommand } from "../output/document-command.ts";
import { askBothEnds } from "./ask-both-ends.ts";
import { type AskedWords, type PolicyTraceDocument, policyTraceDocument } from "./policy-trace-document.ts";
import { policyTraceText } from "./policy-trace-text.ts";

export const policyTraceCommand: CliCommand = documentCommand<PolicyTraceDocument>({
  kind: "PolicyTrace",
  name: "policy-trace",
  summary: "say which NetworkPolicies allow or deny a flow between two pods, and why",
  synonyms: ["networkpolicy", "network-policy", "netpol", "policytrace", "allowed", "denied"],
  arguments: [
    { flags: "<from>", summary: "namespace/pod, or an IP address" },
    { flags: "<to>", summary: "the same; of a Service, a pod behind it" },
    {
      flags: "<port>",
      summary: "number or name of the receiver's port, with /udp or /sctp: 80, 53/udp, web",
    },
  ],
  options: [{ flags: "--here", summary: "ask this node alone, not those of both ends" }],
  notes: [
    "Asks the nodes of both ends for what they have in force, through the API server (--kubeconfig, $KUBECONFIG,",
    "~/.kube/config); without a kubeconfig this node alone. Nothing is sent. Exit code 0: allowed, 1: denied,",
    "2: cannot be told, for the reason that is named.",
  ].join("\n"),
  collect: async (call) => {
    const words = askedWords(call);
    const nodes =
      call.options["here"] === true || !hasKubeconfig(call.context)
        ? [await askHere(call.context, words)]
        : await askBothEnds(call.context, words);
    return policyTraceDocument(words, nodes);
  },
  render: policyTraceText,
  exitCode: ({ verdict }) =>
    ({ allowed: exitCodes.ok, denied: exitCodes.problem, unknown: exitCodes.usage })[verdict],
});

/** Throws CliError USAGE. */
function askedWords({ words: [from = "", to = "", port = ""] }: CliCall): AskedWords {
  const { problem } = readFlow(from, to, port);
  if (problem !== undefined) throw new CliError("USAGE", problem);
  return { from, to, port };
}

function hasKubeconfig({ target, environment }: CliContext): boolean {
  if ((target.kubeconfig ?? target.kubeContext ?? environment["KUBECONFIG"] ?? "") !== "") return true;
  return existsSync(join(environment["HOME"] ?? homedir(), ".kube", "config"));
}

async function askHere({ daemon }: CliContext, words: AskedWords): Promise<AskedNode> {
  const { node, notes, answer } = await daemon.page(policyTracePath({ ...words }), policyTracePageSchema);
  return { node, notes, answer };
}
