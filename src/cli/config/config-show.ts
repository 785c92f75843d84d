import { createKeyCatalogue } from "../../config/keys/key-catalogue.ts";
import { loadSourcedConfig } from "../../config/load-config.ts";
import type { CliCommand } from "../command.ts";
import { documentCommand } from "../output/document-command.ts";
import { formatTable } from "../output/table.ts";
import { effectiveConfig } from "./effective-config.ts";

export const configShow: CliCommand = documentCommand({
  kind: "Config",
  name: "show",
  summary: "show every key with its value and its source; secrets are hidden",
  options: [{ flags: "--changed", summary: "only values that are not the default" }],
  collect: async ({ context, options }) => {
    const { configFile } = context.target;
    const catalogue = createKeyCatalogue();
    const sourced = loadSourcedConfig({ file: configFile, environment: context.environment, flags: [] });
    const values = effectiveConfig(sourced, catalogue);
    return {
      file: configFile,
      values: options["changed"] === true ? values.filter(({ source }) => source !== "default") : values,
    };
  },
  render: ({ values }, paper) => {
    const rows = values.map(({ path, value, source }) => [
      path,
      value === null ? "none" : typeof value === "string" ? value : JSON.stringify(value),
      source,
    ]);
    return formatTable({ headings: ["KEY", "VALUE", "FROM"], rows }, paper);
  },
});
