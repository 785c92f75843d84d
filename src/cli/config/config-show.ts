import { createKeyCatalogue } from "../../config/key-catalogue.ts";
import { loadSourcedConfig } from "../../config/load-config.ts";
import type { CliCommand } from "../command.ts";
import { type DocumentHead, documentVersion } from "../document.ts";
import { documentCommand } from "../document-command.ts";
import { formatTable } from "../table.ts";
import { type EffectiveValue, effectiveConfig } from "./effective-config.ts";

export interface ConfigDocument extends DocumentHead<"Config"> {
  readonly file: string;
  readonly values: readonly EffectiveValue[];
}

export const configShow: CliCommand = documentCommand<ConfigDocument>({
  name: "show",
  summary: "every key with its value and where it comes from; secrets are hidden",
  options: [{ flags: "--changed", summary: "only what is not a default" }],
  collect: async ({ context, options }) => {
    const { configFile } = context.target;
    const catalogue = createKeyCatalogue();
    const sourced = loadSourcedConfig({ file: configFile, environment: context.environment, flags: [] });
    const values = effectiveConfig(sourced, catalogue);
    return {
      apiVersion: documentVersion,
      kind: "Config",
      file: configFile,
      values: options["changed"] === true ? values.filter(({ source }) => source !== "default") : values,
    };
  },
  render: ({ values }, { style, width }) =>
    formatTable({
      headings: ["KEY", "VALUE", "FROM"],
      rows: values.map(({ path, value, source }) => [
        path,
        value === null ? "none" : typeof value === "string" ? value : JSON.stringify(value),
        source,
      ]),
      width,
      paintHeading: style.bold,
    }),
});
