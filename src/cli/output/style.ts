import { stripVTControlCharacters, styleText } from "node:util";

/** Colours for people; without a terminal, or with NO_COLOR, the text as it is. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly bad: (text: string) => string;
}

/** What a text is made for. */
export interface Paper {
  readonly style: Style;
  /** Columns to fill, at most 100. */
  readonly width: number;
}

export interface StyleOptions {
  readonly isTerminal: boolean;
  /** `--no-color`. */
  readonly refused: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** NO_COLOR by no-color.org: any value but the empty one turns colours off; FORCE_COLOR turns them on in a pipe. */
export function wantsColour({ isTerminal, refused, environment }: StyleOptions): boolean {
  const set = (name: string) => (environment[name] ?? "") !== "";
  if (refused || set("NO_COLOR")) return false;
  if (set("FORCE_COLOR")) return environment["FORCE_COLOR"] !== "0";
  return isTerminal && environment["TERM"] !== "dumb";
}

export function createStyle(colour: boolean): Style {
  const paint = (format: Parameters<typeof styleText>[0]) => (text: string) =>
    colour && text !== "" ? styleText(format, text, { validateStream: false }) : text;
  return {
    bold: paint("bold"),
    dim: paint("dim"),
    good: paint("green"),
    warn: paint("yellow"),
    bad: paint("red"),
  };
}

/** Columns that a text takes on the terminal. */
export function visibleLength(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}
