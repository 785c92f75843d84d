import type { ConfigProblem } from "../../domain/config-change.ts";

/** A value as somebody gave it, before the schema judged it. */
export interface GivenValue {
  readonly source: string;
  /** Interpretations in order of preference: one for YAML, several for the text of a variable or flag. */
  readonly candidates: readonly unknown[];
}

/** What one source says: values by key path, and what could not be understood. Later sources win over earlier ones. */
export interface GivenValues {
  readonly values: ReadonlyMap<string, GivenValue>;
  readonly problems: readonly ConfigProblem[];
}
