import { examineConfig } from "../../config/load-config.ts";
import type { CliCommand } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { documentCommand } from "../output/document-command.ts";
import { wrapText } from "../output/table.ts";

export const configValidate: CliCommand = documentCommand({
  kind: "ConfigValidation",
  name: "validate",
  summary: "check whether the daemon would start with this configuration",
  synonyms: ["check", "lint", "test"],
  arguments: [{ flags: "[file]", summary: "instead of --config" }],
  notes: "Exit code 1 if it would not. HEADCNI_* variables count, as they do for the daemon.",
  collect: async ({ context, words }) => {
    const file = words[0] ?? context.target.configFile;
    const sources = { file, environment: context.environment, flags: [] };
    const { problems, retired } = examineConfig(sources);
    return { file, valid: problems.length === 0, problems, retired };
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
