import type { FeedActor, FeedEntry, FeedTransition } from "../../../src/observe/inspector/feed-messages.ts";
import type { View } from "./model.ts";

/** What the person looks at. */
export interface Selection {
  /** Key of the machine; empty before the first choice. */
  readonly key: string;
  /** An entry of the event list; null while looking at what is now. */
  readonly entry: FeedEntry | null;
}

/** A machine's state at the moment the person looks at. */
export interface Seen {
  readonly actor: FeedActor;
  readonly paths: readonly string[];
  readonly edges: readonly number[];
  readonly state: string;
  /** The transition that led there, when it is not the present. */
  readonly past: FeedTransition | null;
}

/** The machine that an entry is about: for a message the one that got it. */
export function keyOf(entry: FeedEntry): string {
  return entry.kind === "transition" ? entry.key : entry.target;
}

/** The selected machine as it is now, or as it was after the selected entry. Null when nothing of it is known any more. */
export function seen(view: View, { key, entry }: Selection): Seen | null {
  const actor = view.actors.get(key) ?? view.finals.get(key);
  const past = entry === null ? null : stateAt(view.entries, key, entry.seq);
  if (actor === undefined) return past === null ? null : { ...seenIn(past), actor: ghost(past), past };
  return past === null
    ? {
        actor,
        paths: actor.paths,
        edges: actor.edges,
        state: actor.error === undefined ? actor.state : "error",
        past,
      }
    : { ...seenIn(past), actor, past };
}

function seenIn({ paths, edges, to }: FeedTransition) {
  return { paths, edges, state: to };
}

/** The last transition of a machine up to an entry. */
function stateAt(entries: readonly FeedEntry[], key: string, seq: number): FeedTransition | null {
  for (let index = entries.length - 1; index >= 0; index -= 1) {
    const entry = entries[index];
    if (entry !== undefined && entry.seq <= seq && entry.kind === "transition" && entry.key === key)
      return entry;
  }
  return null;
}

/** A machine that ended so long ago that only its transitions are known. */
function ghost({ key, machine, actor, subject, to, paths, edges, at }: FeedTransition): FeedActor {
  return {
    key,
    parent: null,
    machine,
    actor,
    subject,
    state: to,
    paths,
    since: at,
    limit: null,
    edges,
    ended: true,
  };
}
