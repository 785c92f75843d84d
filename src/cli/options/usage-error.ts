import type { CommanderError } from "commander";
import { didYouMean, nearestName } from "../../config/keys/nearest-name.ts";
import { CliError } from "../cli-error.ts";
import type { CliCommand } from "../command.ts";

/** What was wrong behind the known words of a command line, and the nearest right one, in one or two lines. */
export function usageError(
  error: CommanderError,
  path: readonly string[],
  subcommands: readonly CliCommand[],
): CliError {
  const known = ["headcnictl", ...path].join(" ");
  if (error.code === "commander.help")
    return new CliError("USAGE", `say what to do; ${known} --help lists the commands`, error);
  const text = error.message.replace(/^error: /, "").split("\n")[0] ?? "";
  const guess = guessOf(error, subcommands, known);
  const message = `${text.replace(/\.$/, "")}${didYouMean(guess)}`;
  return new CliError("USAGE", `${message}\nsee ${known} --help`, error);
}

function guessOf(
  { code, message }: CommanderError,
  subcommands: readonly CliCommand[],
  known: string,
): string | undefined {
  if (code === "commander.unknownOption") return /Did you mean (?:one of )?([^?]+)\?/.exec(message)?.[1];
  if (code !== "commander.unknownCommand") return undefined;
  const wrong = /'([^']+)'/.exec(message)?.[1] ?? "";
  const names = subcommands.map(({ name }) => name);
  const meant = subcommands.find(({ synonyms = [] }) => synonyms.includes(wrong))?.name;
  const name = meant ?? nearestName(wrong, names);
  return name === undefined ? undefined : `${known} ${name}`;
}
