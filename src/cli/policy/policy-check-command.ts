import { readFileSync, statSync } from "node:fs";
import { comparePolicy } from "../../domain/headscale-policy/compare-policy.ts";
import { PolicyTextError } from "../../domain/headscale-policy/policy-text-error.ts";
import { CliError } from "../cli-error.ts";
import type { RunnableCommand } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { textOf } from "../options/option-values.ts";
import { documentCommand } from "../output/document-command.ts";
import { checkText } from "./check-text.ts";
import type { PolicyCheckDocument } from "./policy-check-document.ts";
import { inputOptions, type PolicyInputs, readInputs } from "./policy-inputs.ts";

export const policyCheckCommand: RunnableCommand = documentCommand({
  kind: "PolicyCheck",
  name: "check",
  summary: "what Headscale's policy lacks for this cluster, and where it allows more than it needs",
  synonyms: ["diff", "compare", "verify"],
  options: [
    { flags: "--file <file>", summary: "a policy in HuJSON, instead of the one in force" },
    ...inputOptions,
  ],
  notes: [
    "Asks Headscale for the policy in force, with --api-key-file. Rules between members that are",
    "neither pods nor nodes are not judged. headscale policy check --file says whether",
    "Headscale accepts a policy.",
    "Exit code 1 if something is missing or too wide.",
  ].join("\n"),
  collect: async (call): Promise<PolicyCheckDocument> => {
    const file = textOf(call.options["file"]);
    const given = file === undefined ? undefined : readPolicyFile(file);
    const inputs = await readInputs(call);
    const policy = given ?? policyInForce(inputs);
    return { source: policy.source, findings: compare(policy, inputs) };
  },
  render: (document, context) => checkText(document, context),
  exitCode: ({ findings }) => (findings.length > 0 ? exitCodes.problem : exitCodes.ok),
});

function compare(
  { source, text, isFile }: GivenPolicy,
  { needs }: PolicyInputs,
): PolicyCheckDocument["findings"] {
  try {
    return comparePolicy(text, needs).map(({ at, ...finding }) => ({
      ...finding,
      line: at?.line ?? null,
      column: at?.column ?? null,
    }));
  } catch (error) {
    if (!(error instanceof PolicyTextError)) throw error;
    const { at, code, fault } = error.detail;
    const wanted =
      code === "NO_HUJSON"
        ? "HuJSON is JSON with // and /* */ comments and trailing commas"
        : "headscale policy check --file says why Headscale refuses it";
    throw new CliError(
      isFile ? "USAGE" : "FAILED",
      `${source}:${at.line}:${at.column}: ${fault}\n${wanted}`,
      error,
    );
  }
}

interface GivenPolicy {
  /** The file, or Headscale's URL. */
  readonly source: string;
  readonly text: string;
  readonly isFile: boolean;
}

function policyInForce({ headscale }: PolicyInputs): GivenPolicy {
  if (headscale !== undefined) return { source: headscale.url, text: headscale.policy, isFile: false };
  throw new CliError(
    "USAGE",
    "no policy to check: Headscale tells its own only to an API key\n" +
      "give --api-key-file FILE, or --file FILE with what headscale policy get prints",
  );
}

/** Headscale has no limit; nobody writes more. */
const maxFileBytes = 1_048_576;

function readPolicyFile(file: string): GivenPolicy {
  try {
    const about = statSync(file);
    if (about.isDirectory()) throw new CliError("USAGE", `${file}: is a directory, no policy`);
    if (about.size > maxFileBytes)
      throw new CliError(
        "USAGE",
        `${file}: has ${about.size} bytes, more than the ${maxFileBytes} of a policy`,
      );
    return { source: file, text: readFileSync(file, "utf8"), isFile: true };
  } catch (error) {
    if (error instanceof CliError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new CliError("USAGE", `${file}: cannot be read (${code ?? String(error)})`, error);
  }
}
