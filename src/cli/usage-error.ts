import type { CommanderError } from "commander";
import { nearestName } from "../config/nearest-name.ts";
import type { CliCommand } from "./command.ts";

/** What was wrong with the command line, and the nearest right one, in one or two lines. */
export function explainUsage(
  error: CommanderError,
  words: readonly string[],
  commands: readonly CliCommand[],
): string {
  if (error.code === "commander.help")
    return `say what to do; headcnictl ${helpPath(words, commands)}--help lists the commands`;
  const text = error.message.replace(/^error: /, "").split("\n")[0] ?? "";
  const help = `see headcnictl ${helpPath(words, commands)}--help`;
  const guess = guessOf(error, words, commands);
  return `${text.replace(/\.$/, "")}${guess === undefined ? "" : `; did you mean ${guess}?`}\n${help}`;
}

function guessOf(
  error: CommanderError,
  words: readonly string[],
  commands: readonly CliCommand[],
): string | undefined {
  const wrong = /'([^']+)'/.exec(error.message)?.[1] ?? "";
  if (error.code === "commander.unknownOption")
    return /Did you mean (?:one of )?([^?]+)\?/.exec(error.message)?.[1];
  if (error.code !== "commander.unknownCommand") return undefined;
  const path = pathOf(words, commands);
  const level = path.at(-1)?.subcommands ?? commands;
  const meant = level.find(({ synonyms = [] }) => synonyms.includes(wrong))?.name;
  const name =
    meant ??
    nearestName(
      wrong,
      level.map((command) => command.name),
    );
  return name === undefined
    ? undefined
    : ["headcnictl", ...path.map((command) => command.name), name].join(" ");
}

/** The known commands that the line begins with. */
function pathOf(words: readonly string[], commands: readonly CliCommand[]): readonly CliCommand[] {
  const path: CliCommand[] = [];
  let level = commands;
  for (const word of words) {
    const found = level.find(({ name }) => name === word);
    if (found === undefined) continue;
    path.push(found);
    level = found.subcommands ?? [];
  }
  return path;
}

function helpPath(words: readonly string[], commands: readonly CliCommand[]): string {
  return pathOf(words, commands)
    .map(({ name }) => `${name} `)
    .join("");
}
