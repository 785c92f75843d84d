import type { FeedEntry } from "../../../src/observe/inspector/feed-messages.ts";

/** What of the entries is shown. */
export interface EntryFilter {
  readonly text: string;
  /** Only what this machine did, sent or got; empty for all. */
  readonly only: string;
  readonly transitions: boolean;
  readonly messages: boolean;
}

/** The entries that fit, in their order. */
export function fittingEntries(entries: readonly FeedEntry[], filter: EntryFilter): readonly FeedEntry[] {
  const words = filter.text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  return entries.filter(
    (entry) =>
      (entry.kind === "transition" ? filter.transitions : filter.messages) &&
      (filter.only === "" || concerns(entry, filter.only)) &&
      (words.length === 0 || words.every((word) => textOf(entry).includes(word))),
  );
}

function concerns(entry: FeedEntry, key: string): boolean {
  return entry.kind === "transition" ? entry.key === key : entry.source === key || entry.target === key;
}

function textOf(entry: FeedEntry): string {
  return entry.kind === "transition"
    ? `${entry.machine} ${entry.subject} ${entry.from} ${entry.to} ${entry.event}`.toLowerCase()
    : `${entry.sourceMachine} ${entry.targetMachine} ${entry.type} ${entry.effect}`.toLowerCase();
}

/** Entries from the newest back that decide which lanes there are: lanes come and go slowly. */
const looked = 1500;

/** The machines that take part, one lane each, in the given order; those it does not name come last. */
export function lanesOf(entries: readonly FeedEntry[], order: readonly string[]): readonly string[] {
  const found = new Set<string>();
  for (const entry of entries.slice(-looked)) {
    if (entry.kind === "transition") found.add(entry.machine);
    else {
      if (entry.sourceMachine !== "") found.add(entry.sourceMachine);
      if (entry.targetMachine !== "") found.add(entry.targetMachine);
    }
  }
  const known = order.filter((machine) => found.delete(machine));
  return [...known, ...found];
}
