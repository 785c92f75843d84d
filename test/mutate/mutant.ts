/** One small change of a source file. `start` and `end` are offsets in the file's text. */
export type Mutant = {
  /** Relative to the root of the repository. */
  readonly file: string;
  /** Counted from 1: the line where the change begins. */
  readonly line: number;
  readonly mutator: Mutator;
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
  /** Appended to the file: an import that the replacement needs. */
  readonly addition: string;
  /** The changed line before and after, trimmed: what a reader sees, and what names the mutant in `equivalent.ts`. */
  readonly before: string;
  readonly after: string;
};

/** The named set of mutators: test/README.md says what each of them does. */
export type Mutator =
  | "condition"
  | "comparison"
  | "boundary"
  | "logic"
  | "arithmetic"
  | "constant"
  | "statement"
  | "element"
  | "spread"
  | "call"
  | "action"
  | "guard"
  | "transition"
  | "target";

/** The file's text with the change. */
export function mutated(text: string, mutant: Mutant): string {
  return text.slice(0, mutant.start) + mutant.replacement + text.slice(mutant.end) + mutant.addition;
}
