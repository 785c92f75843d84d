/** Colours for people; without a terminal, or with NO_COLOR, the text as it is. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly bad: (text: string) => string;
}

export interface StyleWish {
  readonly isTerminal: boolean;
  /** `--no-color`. */
  readonly refused: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** NO_COLOR by no-color.org: any value but the empty one turns colours off; FORCE_COLOR turns them on in a pipe. */
export function wantsColour({ isTerminal, refused, environment }: StyleWish): boolean {
  const set = (name: string) => (environment[name] ?? "") !== "";
  if (refused || set("NO_COLOR")) return false;
  if (set("FORCE_COLOR")) return environment["FORCE_COLOR"] !== "0";
  return isTerminal && environment["TERM"] !== "dumb";
}

export function createStyle(colour: boolean): Style {
  const paint = (code: number, end: number) => (text: string) =>
    colour && text !== "" ? `\u001b[${code}m${text}\u001b[${end}m` : text;
  return {
    bold: paint(1, 22),
    dim: paint(2, 22),
    good: paint(32, 39),
    warn: paint(33, 39),
    bad: paint(31, 39),
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what it looks for.
const escapes = /\u001b\[[0-9;]*m/g;

export function withoutPaint(text: string): string {
  return text.replace(escapes, "");
}

/** Columns that a text takes on the terminal. */
export function visibleLength(text: string): number {
  return [...withoutPaint(text)].length;
}
