/** Code of ours that reads bytes of others. */
export interface FuzzTarget {
  /**
   * Reads one input and gives in a few words what came of it: an input that leads to new words is mutated further. Throws or rejects
   * for a fault alone: anything but the declared results and the declared errors.
   */
  run(input: Buffer): string | Promise<string>;
  close?(): unknown;
}

/** What is in every input of a target that a mutant may get more of. */
export interface FuzzTargetSource {
  readonly open: () => FuzzTarget | Promise<FuzzTarget>;
  /** Words of the format. */
  readonly words: readonly string[];
}

type Declared = (error: unknown) => string | undefined;

/** The words for a call: "ok", or those of an error that is declared. Throws any other. */
export function wordsOf(call: () => unknown, declared: Declared): string {
  try {
    return resultWords(call());
  } catch (error) {
    return errorWords(error, declared);
  }
}

/** The same for a call that is waited for. */
export async function wordsOfAsync(call: () => Promise<unknown>, declared: Declared): Promise<string> {
  try {
    return resultWords(await call());
  } catch (error) {
    return errorWords(error, declared);
  }
}

/** Which kinds of value there are at which names, two levels deep. */
function resultWords(value: unknown, depth = 2): string {
  if (Array.isArray(value))
    return `[${depth === 0 ? "" : [...new Set(value.map((one) => resultWords(one, depth - 1)))].slice(0, 3).join()}]`;
  if (typeof value !== "object" || value === null) return value === undefined ? "none" : typeof value;
  if (depth === 0) return "object";
  const entries = Object.entries(value).slice(0, 12);
  return `{${entries.map(([name, one]) => `${name.slice(0, 20)}:${resultWords(one, depth - 1)}`).join()}}`;
}

function errorWords(error: unknown, declared: Declared): string {
  const words = declared(error);
  if (words === undefined) throw error;
  return withoutValues(words);
}

/** Places and quotations are no news. */
export function withoutValues(words: string): string {
  return words
    .replace(/\d+/g, "0")
    .replace(/"[^"]*"|'[^']*'/g, '""')
    .slice(0, 200);
}
