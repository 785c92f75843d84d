/**
 * Mutants that behave like the original in every case, each with the proof. Not for what is merely hard to test.
 * `change` is the line before and after, as `npm run mutate` prints it.
 */
export type Equivalent = {
  readonly file: string;
  readonly before: string;
  readonly after: string;
  readonly reason: string;
};

export const equivalents: readonly Equivalent[] = [];
