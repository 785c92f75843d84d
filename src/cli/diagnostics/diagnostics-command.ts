import { writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import * as z from "zod";
import { examineConfig } from "../../config/load-config.ts";
import { visible } from "../../protocol/visible-text.ts";
import { CliError } from "../cli-error.ts";
import { askNodes, asksCluster, type NodeAnswer } from "../cluster/ask-nodes.ts";
import type { CliCall, CliCommand, CliWord } from "../command.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { textOf } from "../options/option-values.ts";
import { printDocument } from "../output/document.ts";
import type { Paper } from "../output/style.ts";
import { json, plannedFiles } from "./gather-files.ts";
import { knownSecrets, withoutKnownSecrets } from "./known-secrets.ts";
import { type ArchivedFile, tarGz } from "./tar-gz.ts";

/** What one node gave. */
interface NodeBundle {
  readonly node: string;
  readonly files: readonly ArchivedFile[];
  /** What could not be had, and why. */
  readonly missing: readonly { readonly path: string; readonly why: string }[];
}

const options: readonly CliWord[] = [
  { flags: "--file <path>", summary: "where to (default headcni-diagnostics-TIME.tar.gz here)" },
  { flags: "--inline", summary: "print the files as a JSON document instead of writing an archive" },
];

export const diagnosticsCommand: CliCommand = {
  name: "diagnostics",
  summary: "collect all that helps to find a fault in one archive, without secrets",
  synonyms: ["bundle", "support", "dump", "sosreport", "support-bundle"],
  options,
  notes: [
    "In it: status, machines, traces, the last minutes of all machines (headcnictl replay shows them), logs,",
    "metrics, configuration, doctor's findings, links, addresses, routes, rules and nftables of the node and",
    "of the tailnet namespace, tailscaled's status.",
    "Keys, tokens and private keys are removed, by their shape and by their value. Changes nothing on the node.",
  ].join("\n"),
  run: runDiagnostics,
};

async function runDiagnostics(call: CliCall): Promise<ExitCode> {
  const { context } = call;
  if (call.options["inline"] === true) {
    context.out(printDocument("DiagnosticsFiles", await gather(call)));
    return exitCodes.ok;
  }
  const bundles = asksCluster(call) ? await gatherFromNodes(call) : [await gather(call)];
  const at = new Date();
  const name = `headcni-diagnostics-${at.toISOString().slice(0, 19).replaceAll(":", "")}Z`;
  const file = textOf(call.options["file"]) ?? `${name}.tar.gz`;
  const archived = bundles.flatMap(({ node, files, missing }) => {
    const manifest = { path: "manifest.json", text: json({ node, missing }) };
    return [...files, manifest].map(({ path, text }) => ({ path: `${name}/${node}/${path}`, text }));
  });
  const archive = await tarGz(archived, at);
  await save(file, archive);
  const nodes = bundles.map((bundle) => ({ ...bundle, files: bundle.files.map(({ path }) => path) }));
  context.out(
    context.json
      ? printDocument("Diagnostics", { file, bytes: archive.length, nodes })
      : [
          ...bundles.flatMap((bundle) => bundleLines(bundle, context)),
          `${context.style.good("written")} ${file} (${Math.ceil(archive.length / 1024)} KiB), without keys and tokens`,
        ].join("\n"),
  );
  return exitCodes.ok;
}

/** For root alone: even without secrets it describes a network. */
async function save(file: string, archive: Buffer): Promise<void> {
  try {
    await writeFile(file, archive, { mode: 0o600 });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new CliError("FAILED", `${file} cannot be written: ${code}; --file names another place`, cause);
  }
}

function bundleLines({ node, files, missing }: NodeBundle, { style }: Paper): readonly string[] {
  return [
    `${style.bold(node)}: ${files.length} files`,
    ...missing.map(
      ({ path, why }) => `  ${style.warn("without")} ${path}: ${visible(why.split("\n")[0] ?? "")}`,
    ),
  ];
}

/** One part after another: a node with a problem needs no further load. */
async function gather(call: CliCall): Promise<NodeBundle> {
  const { context } = call;
  const examined = examineConfig({
    file: context.target.configFile,
    environment: context.environment,
    flags: [],
  });
  const secrets = knownSecrets(examined, context.environment);
  const safe = (text: string) => withoutKnownSecrets(text, secrets);
  const files: ArchivedFile[] = [];
  const missing: { path: string; why: string }[] = [];
  for (const { path, make } of plannedFiles) {
    context.progress.step(`Gathering ${path}`);
    try {
      files.push({ path, text: safe(await make(call)) });
    } catch (error) {
      if (context.signal.aborted) throw error;
      missing.push({ path, why: safe(error instanceof Error ? error.message : String(error)) });
    }
  }
  context.progress.end();
  const nodeName = examined.get("nodeName");
  return { node: typeof nodeName === "string" ? nodeName : hostname(), files, missing };
}

const inlineSchema = z.looseObject({
  kind: z.literal("DiagnosticsFiles"),
  files: z.array(z.looseObject({ path: z.string(), text: z.string() })),
  missing: z.array(z.looseObject({ path: z.string(), why: z.string() })),
});

async function gatherFromNodes(call: CliCall): Promise<readonly NodeBundle[]> {
  const answers = await askNodes({ ...call, options: { inline: true } }, options);
  return answers.map(bundleOf);
}

function bundleOf({ node, document, error }: NodeAnswer): NodeBundle {
  const parsed = inlineSchema.safeParse(document);
  if (parsed.success) return { node, files: parsed.data.files, missing: parsed.data.missing };
  return {
    node,
    files: [],
    missing: [{ path: "everything", why: error?.message ?? "the answer cannot be parsed" }],
  };
}
