import type { DaemonClient } from "./daemon-client.ts";
import type { ExitCode } from "./exit-codes.ts";
import type { Progress } from "./output/progress.ts";
import type { Paper } from "./output/style.ts";

/** One verb of headcnictl; `all-commands.ts` lists them. */
export interface CliCommand {
  readonly name: string;
  /** One line, without a full stop. */
  readonly summary: string;
  /** Positional arguments in order, as commander writes them: "<pod>" required, "[pattern]" optional, "[more...]" many. */
  readonly arguments?: readonly CliWord[];
  /** As commander writes them: "--watch", "--state <state>", "-f, --follow". */
  readonly options?: readonly CliWord[];
  /** Shown below the help: examples, what the exit code means here. */
  readonly notes?: string;
  /** Words that people type when they mean this command. */
  readonly synonyms?: readonly string[];
  readonly subcommands?: readonly CliCommand[];
  /** Absent only in a command that has subcommands. Throws CliError for what the person at the terminal must know. */
  readonly run?: (call: CliCall) => Promise<ExitCode>;
}

/** A verb that does something itself. */
export type RunnableCommand = CliCommand & Required<Pick<CliCommand, "run">>;

export interface CliWord {
  readonly flags: string;
  readonly summary: string;
  readonly choices?: readonly string[];
}

/** One invocation. */
export interface CliCall {
  readonly context: CliContext;
  /** "machines", "config explain". */
  readonly verb: string;
  /** Positional arguments; an absent optional one is not in it. */
  readonly words: readonly string[];
  /** By their long names in camel case: `--all-states` is `allStates`; true for a flag, text otherwise. */
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
}

/** What a command works with: the terminal, the daemon, and what all commands are asked for. */
export interface CliContext extends Paper {
  /** Writes a text and a line end to stdout. */
  readonly out: (text: string) => void;
  /** Writes a text and a line end to stderr. */
  readonly err: (text: string) => void;
  /** `-o json`: stdout carries one JSON document and nothing else. */
  readonly json: boolean;
  /** Whether stdout is a terminal: only then is anything redrawn. */
  readonly isTerminal: boolean;
  readonly progress: Progress;
  /** The daemon of this node, over its unix socket; nothing is opened before the first question. */
  readonly daemon: DaemonClient;
  readonly target: CliTarget;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Where the question goes. */
export interface CliTarget {
  /** The daemon's configuration file; it need not exist. */
  readonly configFile: string;
  readonly socketPath: string;
  readonly kubeconfig: string | undefined;
  readonly kubeContext: string | undefined;
  /** Node names to ask through the API server; empty: this node. */
  readonly nodes: readonly string[];
  readonly allNodes: boolean;
  /** Namespace of HeadCNI's pods; undefined: searched for. */
  readonly namespace: string | undefined;
}
