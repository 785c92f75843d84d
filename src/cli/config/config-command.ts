import type { CliCommand } from "../command.ts";
import { configExplain } from "./config-explain.ts";
import { configShow } from "./config-show.ts";
import { configValidate } from "./config-validate.ts";

export const configCommand: CliCommand = {
  name: "config",
  summary: "show, validate and explain the daemon's configuration",
  synonyms: ["configuration", "settings"],
  subcommands: [configShow, configValidate, configExplain],
};
