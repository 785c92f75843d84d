import { type ConfigKey, createKeyCatalogue } from "../../config/keys/key-catalogue.ts";
import { didYouMean, nearestName } from "../../config/keys/nearest-name.ts";
import { defaultOf } from "../../config/reference.ts";
import { CliError } from "../cli-error.ts";
import type { CliCommand } from "../command.ts";
import { documentCommand } from "../output/document-command.ts";
import type { Paper } from "../output/style.ts";
import { formatTable, labelledText, wrapText } from "../output/table.ts";

export interface ExplainedKey {
  readonly path: string;
  readonly description: string;
  readonly mustBe: string;
  readonly unit: string | null;
  /** As JSON or in words; null without a default. */
  readonly default: string | null;
  readonly example: unknown;
  readonly variable: string;
  readonly secret: boolean;
  /** "live", or why it needs a restart. */
  readonly change: string;
}

export const configExplain: CliCommand = documentCommand({
  kind: "ConfigKeys",
  name: "explain",
  summary: "explain a key: its meaning, its values, and what a change needs",
  synonyms: ["describe", "doc", "help"],
  arguments: [{ flags: "[key]", summary: "a key or a section, for example network.mtu (default: all)" }],
  collect: async ({ words: [wanted] }) => {
    const { keys, sections } = createKeyCatalogue();
    const found = keys.filter(
      ({ path, variable }) =>
        wanted === undefined || path === wanted || variable === wanted || path.startsWith(`${wanted}.`),
    );
    if (found.length === 0) {
      const names = [...keys.map(({ path }) => path), ...sections];
      const tail = keys.find(({ path }) =>
        path.toLowerCase().endsWith(`.${String(wanted).toLowerCase()}`),
      )?.path;
      const near = tail ?? nearestName(String(wanted), names);
      throw new CliError(
        "NOT_FOUND",
        `there is no key "${wanted}"${didYouMean(near)}\nheadcnictl config explain lists all`,
      );
    }
    return { keys: found.map(explained) };
  },
  render: ({ keys }, context) =>
    (keys.length === 1 ? keys.map((key) => keyText(key, context))[0] : keyTable(keys, context)) ?? "",
});

function explained({ path, variable, schema, about }: ConfigKey): ExplainedKey {
  return {
    path,
    description: about.description,
    mustBe: about.mustBe,
    unit: about.unit ?? null,
    default: about.defaultMeans ?? defaultOf(schema) ?? null,
    example: about.example,
    variable,
    secret: about.secret === true,
    change: about.change === "live" ? "live" : `restart: ${about.change.restart}`,
  };
}

function keyText(key: ExplainedKey, { style, width }: Paper): string {
  const line = (label: string, value: string) => labelledText(label.padEnd(10), value, width);
  return [
    style.bold(key.path),
    ...wrapText(key.description, width),
    "",
    ...line("must be", `${key.mustBe}${key.unit === null ? "" : ` (${key.unit})`}`),
    ...line("default", key.default ?? "none"),
    ...line("example", `${key.path.split(".").at(-1)}: ${JSON.stringify(key.example)}`),
    ...line("variable", `${key.variable}${key.secret ? "; never taken from the command line" : ""}`),
    ...line("change", key.change === "live" ? "live: a running daemon takes it" : key.change),
  ].join("\n");
}

function keyTable(keys: readonly ExplainedKey[], paper: Paper): string {
  const rows = keys.map((key) => [key.path, key.description]);
  return formatTable({ headings: ["KEY", "MEANS"], rows, wrapLast: true }, paper);
}
