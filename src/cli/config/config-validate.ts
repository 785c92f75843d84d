import { examineConfig } from "../../config/load-config.ts";
import type { ConfigProblem } from "../../domain/config-change.ts";
import type { CliCommand } from "../command.ts";
import { type DocumentHead, documentVersion } from "../document.ts";
import { documentCommand } from "../document-command.ts";
import { exitCodes } from "../exit-codes.ts";
import { wrapText } from "../table.ts";

export interface ConfigValidationDocument extends DocumentHead<"ConfigValidation"> {
  readonly file: string;
  readonly valid: boolean;
  readonly problems: readonly ConfigProblem[];
  /** Keys of an earlier release, which are ignored. */
  readonly retired: readonly ConfigProblem[];
}

export const configValidate: CliCommand = documentCommand<ConfigValidationDocument>({
  name: "validate",
  summary: "whether the daemon would start with this configuration",
  synonyms: ["check", "lint", "test"],
  arguments: [{ flags: "[file]", summary: "instead of --config" }],
  notes: "Exit code 1 if it would not. HEADCNI_* variables count, as they do for the daemon.",
  collect: async ({ context, words }) => {
    const file = words[0] ?? context.target.configFile;
    const sources = { file, environment: context.environment, flags: [] };
    const { problems, retired } = examineConfig(sources);
    return {
      apiVersion: documentVersion,
      kind: "ConfigValidation",
      file,
      valid: problems.length === 0,
      problems,
      retired,
    };
  },
  render: ({ file, valid, problems, retired }, { style, width }) => {
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    const each = [...problems, ...retired].flatMap(({ path, source, found, wanted }) => [
      `${style.bold(path === "" ? source : path)}${path === "" ? "" : `  ${style.dim(source)}`}`,
      ...wrapText(`found ${found}; ${wanted}`, width - 2).map((line) => `  ${line}`),
    ]);
    return [`${file}: ${valid ? style.good("valid") : style.bad(count)}`, ...each].join("\n");
  },
  exitCode: ({ valid }) => (valid ? exitCodes.ok : exitCodes.problem),
});
