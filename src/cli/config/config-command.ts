import type { CliCommand } from "../command.ts";
import { configExplain } from "./config-explain.ts";
import { configShow } from "./config-show.ts";
import { configValidate } from "./config-validate.ts";

export const configCommand: CliCommand = {
  name: "config",
  summary: "the daemon's configuration: show, validate, explain",
  synonyms: ["configuration", "settings"],
  subcommands: [configShow, configValidate, configExplain],
};
