import { createRing } from "../ring.ts";

/** Body of `/debug/logs`: the last lines of the log, as objects. */
export interface LogPage {
  /** Number of the first entry, counted from the daemon's start: what came between two looks can be told. */
  readonly first: number;
  readonly entries: readonly unknown[];
}

const linesKept = 2000;

/** Keeps the last lines, so that the log can be read where nobody else keeps it. */
export function createLogRing() {
  const ring = createRing<string>(linesKept);
  let count = 0;
  return {
    keep(line: string): void {
      ring.push(line);
      count += 1;
    },
    page(): LogPage {
      const lines = ring.entries();
      return { first: count - lines.length, entries: lines.map((line) => JSON.parse(line) as unknown) };
    },
  };
}
