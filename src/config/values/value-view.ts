import type { ConfigProblem } from "../../domain/config-change.ts";

/** The parsed values by path, those that passed on their own; a check whose values are not all there does not run. */
export interface ValueView {
  get(path: string): unknown;
  sourceOf(path: string): string;
}

/** A problem with the value of a key, where it was given. */
export function problemAt(view: ValueView, path: string, found: string, wanted: string): ConfigProblem {
  return { path, source: view.sourceOf(path), found, wanted };
}
