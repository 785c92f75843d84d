import * as z from "zod";
import type { ConfigKey, KeyCatalogue } from "./keys/key-catalogue.ts";

/** The configuration reference as Markdown, out of the schema alone: what is printed is what is checked. */
export function configReference(catalogue: KeyCatalogue): string {
  return [
    "# Configuration",
    "",
    "`/etc/headcni/config.yaml`. Each key may be overridden by its environment variable and then by `--set key=value`.",
    "Keys marked *live* may change in the file while the daemon runs; for the others it says why they need a restart and goes on",
    "with the old value. Generated from the schema by `npm run config-reference`; a test fails when they differ.",
    "",
    ...catalogue.keys.flatMap(describe),
  ].join("\n");
}

function describe({ path, variable, schema, about }: ConfigKey): string[] {
  const value = defaultOf(schema);
  const fallback = about.defaultMeans ?? (value === undefined ? "none" : `\`${value}\``);
  const change = about.change === "live" ? "live" : `restart: ${about.change.restart}`;
  return [
    `## ${path}`,
    "",
    about.description,
    "",
    `- must be ${about.mustBe}${about.unit === undefined ? "" : ` (${about.unit})`}`,
    `- default: ${fallback}; example: \`${JSON.stringify(about.example)}\``,
    `- \`${variable}\`${about.secret === true ? "; never taken from the command line" : ""}; ${change}`,
    "",
  ];
}

/** As JSON; undefined for a key without one. */
export function defaultOf(schema: z.ZodType): string | undefined {
  return schema instanceof z.ZodPrefault ? JSON.stringify(schema.def.defaultValue) : undefined;
}
