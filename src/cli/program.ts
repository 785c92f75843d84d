import { Argument, Command, Option } from "commander";
import type { CliCall, CliCommand, CliWord, RunnableCommand } from "./command.ts";
import { exitCodeMeanings, exitCodes } from "./exit-codes.ts";
import { globalOptions } from "./options/global-options.ts";
import { usageError } from "./options/usage-error.ts";
import type { Paper } from "./output/style.ts";

export interface ProgramOptions extends Paper {
  readonly commands: readonly CliCommand[];
  /** Is called with the command that the words name, and with what they say to it. */
  readonly execute: (run: RunnableCommand["run"], call: Omit<CliCall, "context">) => Promise<void>;
  readonly write: (text: string) => void;
}

/** The command line as commander knows it. Parsing throws CliError, or CommanderError once it printed what was asked for. */
export function createProgram(options: ProgramOptions): Command {
  const { style } = options;
  const program = new Command("headcnictl")
    .description("Looks at, checks and installs HeadCNI on a node or in a cluster.")
    .configureOutput({
      writeOut: options.write,
      // The caller prints errors, in one form for all.
      writeErr: () => undefined,
      outputError: () => undefined,
      getOutHelpWidth: () => options.width,
    })
    .configureHelp({
      showGlobalOptions: true,
      styleTitle: style.bold,
      styleOptionText: (text) => text,
    })
    .helpOption("-h, --help", "display help")
    .helpCommand("help [command]", "display help for a command")
    .option("--version", "print the version of headcnictl")
    .addHelpText("after", `\n${style.bold("Exit codes:")}\n${exitCodeLines()}`);
  for (const word of globalOptions) program.addOption(optionOf(word));
  explainErrors(program, [], options.commands);
  for (const command of options.commands) addCommand(program, command, [], options);
  return program;
}

function addCommand(
  parent: Command,
  described: CliCommand,
  path: readonly string[],
  options: ProgramOptions,
): void {
  const own = [...path, described.name];
  const command = parent.command(described.name).summary(described.summary);
  command.description(sentence(described.summary));
  for (const { flags, summary, choices } of described.arguments ?? []) {
    const argument = new Argument(flags, summary);
    command.addArgument(choices === undefined ? argument : argument.choices([...choices]));
  }
  for (const word of described.options ?? []) command.addOption(optionOf(word));
  if (described.notes !== undefined) command.addHelpText("after", `\n${described.notes}`);
  explainErrors(command, own, described.subcommands ?? []);
  for (const inner of described.subcommands ?? []) addCommand(command, inner, own, options);
  const { run } = described;
  if (run === undefined) return;
  command.action(() =>
    options.execute(run, { verb: own.join(" "), words: command.args, options: command.optsWithGlobals() }),
  );
}

/** Instead of ending the process. */
function explainErrors(command: Command, path: readonly string[], subcommands: readonly CliCommand[]): void {
  command.exitOverride((error) => {
    throw error.exitCode === 0 ? error : usageError(error, path, subcommands);
  });
}

function optionOf({ flags, summary, choices }: CliWord): Option {
  const option = new Option(flags, summary);
  return choices === undefined ? option : option.choices([...choices]);
}

function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
}

function exitCodeLines(): string {
  return Object.entries(exitCodes)
    .map(([name, code]) => `  ${String(code).padEnd(4)} ${exitCodeMeanings[name as keyof typeof exitCodes]}`)
    .join("\n");
}
