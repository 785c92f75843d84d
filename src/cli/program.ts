import { Command, Option } from "commander";
import type { CliCommand, CliWord } from "./command.ts";
import { exitCodeMeanings } from "./exit-codes.ts";
import type { Style } from "./style.ts";

/** What a command line asked for, before anything is done. */
export interface ChosenCommand {
  readonly command: CliCommand;
  readonly verb: string;
  readonly words: readonly string[];
  /** Those of the command and the global ones, by their long names in camel case. */
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
}

export interface ProgramOptions {
  readonly commands: readonly CliCommand[];
  readonly chosen: (chosen: ChosenCommand) => void;
  readonly write: (text: string) => void;
  readonly style: Style;
  readonly width: number;
}

const globalOptions: readonly CliWord[] = [
  { flags: "-o, --output <format>", summary: "human text or one JSON document", choices: ["human", "json"] },
  { flags: "--config <file>", summary: "the daemon's configuration (default /etc/headcni/config.yaml)" },
  { flags: "--socket <path>", summary: "the daemon's socket (default http.sock in its runtimeDir)" },
  { flags: "--node <names>", summary: "ask these nodes (a,b,c) through the Kubernetes API server" },
  { flags: "--all-nodes", summary: "ask all nodes through the Kubernetes API server" },
  { flags: "--kubeconfig <file>", summary: "access to the API server (default $KUBECONFIG, ~/.kube/config)" },
  { flags: "--context <name>", summary: "context of the kubeconfig (default: its current one)" },
  { flags: "--namespace <name>", summary: "namespace of HeadCNI's pods (default: searched for)" },
  { flags: "--no-color", summary: "no colours; NO_COLOR=1 does the same" },
];

/** The command line as commander knows it. Parsing throws CommanderError instead of ending the process. */
export function createProgram(options: ProgramOptions): Command {
  const { style } = options;
  const program = new Command("headcnictl")
    .description("Looks at, checks and installs HeadCNI on a node or in a cluster.")
    .exitOverride()
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
    .helpOption("-h, --help", "what can be asked, and how")
    .helpCommand("help [command]", "the same for one command")
    .option("--version", "the version of headcnictl")
    .addHelpText("after", `\n${style.bold("Exit codes:")}\n${exitCodeLines()}`);
  for (const word of globalOptions) program.addOption(optionOf(word));
  for (const command of options.commands) addCommand(program, command, [], options);
  return program;
}

function addCommand(
  parent: Command,
  described: CliCommand,
  path: readonly string[],
  options: ProgramOptions,
): void {
  const verb = [...path, described.name].join(" ");
  const command = parent.command(described.name).summary(described.summary);
  command.description(sentence(described.summary));
  for (const { flags, summary } of described.arguments ?? []) command.argument(flags, summary);
  for (const word of described.options ?? []) command.addOption(optionOf(word));
  if (described.notes !== undefined) command.addHelpText("after", `\n${described.notes}`);
  for (const inner of described.subcommands ?? [])
    addCommand(command, inner, [...path, described.name], options);
  if (described.run === undefined) return;
  command.action(() =>
    options.chosen({
      command: described,
      verb,
      words: command.args,
      options: command.optsWithGlobals(),
    }),
  );
}

function optionOf({ flags, summary, choices }: CliWord): Option {
  const option = new Option(flags, summary);
  return choices === undefined ? option : option.choices([...choices]);
}

function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
}

function exitCodeLines(): string {
  return exitCodeMeanings.map(([code, means]) => `  ${String(code).padEnd(4)} ${means}`).join("\n");
}
