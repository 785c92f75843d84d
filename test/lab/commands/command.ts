import type { ParseArgsConfig } from "node:util";
import { LabError } from "../lab-error.ts";

/** The arguments of a command as parsed: `rest` is what stands behind `--`. */
export type CommandArguments = {
  readonly positionals: readonly string[];
  readonly values: Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;
  readonly rest: readonly string[];
};

/** One command of the lab's command line. `run` returns the exit code. */
export type Command = {
  /** The words that name it: `["pod", "add"]`. */
  readonly words: readonly string[];
  readonly usage: string;
  readonly summary: string;
  readonly options: NonNullable<ParseArgsConfig["options"]>;
  readonly run: (args: CommandArguments) => Promise<number>;
};

/** Options that most commands take. */
export const commonOptions = { id: { type: "string" }, json: { type: "boolean" } } as const;

/** The value of a string option, or undefined if it was not given. */
export function text(args: CommandArguments, name: string): string | undefined {
  const value = args.values[name];
  return typeof value === "string" ? value : undefined;
}

/** True if a boolean option was given. */
export function flag(args: CommandArguments, name: string): boolean {
  return args.values[name] === true;
}

/** All values of a string option that may be given several times. */
export function texts(args: CommandArguments, name: string): readonly string[] {
  const value = args.values[name];
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/** The value of an option that allows only some words. Throws LabError BAD_OPTION naming them. */
export function oneOf<const T extends string>(
  args: CommandArguments,
  name: string,
  words: readonly T[],
  otherwise: T,
): T {
  const given = text(args, name);
  if (given === undefined) return otherwise;
  const word = words.find((candidate) => candidate === given);
  if (word === undefined)
    throw new LabError("BAD_OPTION", `--${name} is ${words.join(" or ")}, not "${given}"`);
  return word;
}

/** Exactly as many positional arguments as are named. Throws LabError BAD_OPTION with the usage. */
export function positionals<const N extends readonly string[]>(
  args: CommandArguments,
  names: N,
  usage: string,
): { [K in keyof N]: string } {
  if (args.positionals.length !== names.length) {
    throw new LabError(
      "BAD_OPTION",
      `expected ${names.length === 0 ? "no argument" : names.join(" ")}: npm run lab -- ${usage}`,
    );
  }
  return [...args.positionals] as { [K in keyof N]: string };
}

/** Prints one JSON object on one line of stdout. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Prints lines to stdout. */
export function print(...lines: readonly string[]): void {
  process.stdout.write(`${lines.join("\n")}\n`);
}
