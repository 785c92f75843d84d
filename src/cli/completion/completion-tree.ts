import { Option } from "commander";
import type { CliCommand, CliWord } from "../command.ts";

/** A point of the command line, and what may follow there. */
export interface CompletionPoint {
  /** Words so far, without "headcnictl": [] or ["config"]. */
  readonly path: readonly string[];
  readonly words: readonly { readonly word: string; readonly summary: string }[];
  readonly options: readonly CompletionOption[];
}

export interface CompletionOption {
  readonly long: string;
  readonly short: string | null;
  readonly summary: string;
  /** Null: takes no value; empty: any. */
  readonly values: readonly string[] | null;
}

/** Every point at which a word can be completed, the root first; global options stand at each. */
export function completionTree(
  commands: readonly CliCommand[],
  globals: readonly CliWord[],
): readonly CompletionPoint[] {
  const everywhere = [...globals, { flags: "--help", summary: "help" }].map(optionOf);
  const walk = (command: Partial<CliCommand>, path: readonly string[]): readonly CompletionPoint[] => {
    const { subcommands = [], options = [], arguments: words = [] } = command;
    const values = words.flatMap(({ choices = [], summary }) => choices.map((word) => ({ word, summary })));
    const point: CompletionPoint = {
      path,
      words: [...subcommands.map(({ name, summary }) => ({ word: name, summary })), ...values],
      options: [...options.map(optionOf), ...everywhere],
    };
    return [point, ...subcommands.flatMap((inner) => walk(inner, [...path, inner.name]))];
  };
  return walk({ subcommands: commands }, []);
}

function optionOf({ flags, summary, choices }: CliWord): CompletionOption {
  const { long = flags, short = null, required } = new Option(flags);
  return { long, short, summary, values: required ? (choices ?? []) : null };
}
