import type { FeedActor, FeedEntry, FeedFrame } from "../../../src/observe/inspector/feed-messages.ts";

/** Entries that the page keeps to scroll back in. */
const entriesKept = 4000;
/** Ended machines whose last state the page keeps. */
const finalsKept = 500;
/** How long an ended machine stays in the tree. */
const lingerMs = 4000;

/** What the views draw: as it is now, or as it was when the page was paused or at a moment of a recording. */
export interface View {
  readonly recorded: boolean;
  readonly daemon: { readonly node: string; readonly version: string; readonly pid: number } | null;
  readonly actors: ReadonlyMap<string, FeedActor>;
  /** Oldest first. */
  readonly entries: readonly FeedEntry[];
  /** The last state of machines that ended, oldest first. */
  readonly finals: ReadonlyMap<string, FeedActor>;
  /** Entries that the daemon left out or this page missed. */
  readonly missing: number;
  /** The daemon's clock. */
  now(): number;
}

export interface Model {
  view(): View;
  apply(frame: FeedFrame): void;
  /** Forgets machines that ended a while ago. True if there were any. */
  sweep(): boolean;
  paused(): boolean;
  /** Paused, the view stands still; what happens meanwhile is kept. */
  pause(on: boolean): void;
}

/** What the page knows. Bounded however long it runs: the last entries, the last ended machines, the machines that run. */
export function createModel(clock: () => number = Date.now): Model {
  let actors = new Map<string, FeedActor>();
  let entries: FeedEntry[] = [];
  const finals = new Map<string, FeedActor>();
  const endedAt = new Map<string, number>();
  let daemon: View["daemon"] = null;
  let lastSeq = 0;
  let missing = 0;
  let offsetMs = 0;
  let frozen: View | null = null;

  const live: View = {
    recorded: false,
    get daemon() {
      return daemon;
    },
    get actors() {
      return actors;
    },
    get entries() {
      return entries;
    },
    finals,
    get missing() {
      return missing;
    },
    now: () => clock() + offsetMs,
  };

  function addEntries(added: readonly FeedEntry[]): void {
    for (const entry of added) {
      if (entry.seq <= lastSeq) continue;
      entries.push(entry);
      lastSeq = entry.seq;
    }
    // In one cut per thousand: shifting an array for each entry would cost more than all the rest.
    if (entries.length > entriesKept + 1000) entries = entries.slice(-entriesKept);
  }

  function addActor(actor: FeedActor): void {
    actors.set(actor.key, actor);
    if (actor.ended !== true) return;
    endedAt.set(actor.key, clock());
    finals.delete(actor.key);
    finals.set(actor.key, actor);
    for (const key of finals.keys()) {
      if (finals.size <= finalsKept) break;
      finals.delete(key);
    }
  }

  function begin(frame: Extract<FeedFrame, { type: "baseline" }>): void {
    const restarted = daemon !== null && (daemon.pid !== frame.daemon.pid || frame.seq < lastSeq);
    daemon = frame.daemon;
    if (restarted) {
      entries = [];
      finals.clear();
      lastSeq = 0;
    }
    const first = frame.entries[0]?.seq ?? frame.seq + 1;
    if (lastSeq > 0 && first > lastSeq + 1) missing += first - lastSeq - 1;
    actors = new Map(frame.actors.map((actor) => [actor.key, actor]));
    endedAt.clear();
    addEntries(frame.entries);
    lastSeq = Math.max(lastSeq, frame.seq);
  }

  return {
    view: () => frozen ?? live,
    apply(frame) {
      offsetMs = frame.now - clock();
      if (frame.type === "baseline") begin(frame);
      else if (frame.type === "delta") {
        for (const actor of frame.changed) addActor(actor);
        addEntries(frame.entries);
        if (frame.seq > lastSeq) lastSeq = frame.seq;
        missing += frame.left;
      }
    },
    sweep() {
      const before = endedAt.size;
      for (const [key, at] of endedAt) {
        if (clock() - at < lingerMs) continue;
        endedAt.delete(key);
        if (actors.get(key)?.ended === true) actors.delete(key);
      }
      return endedAt.size < before;
    },
    paused: () => frozen !== null,
    pause(on) {
      const now = live.now();
      frozen = on
        ? {
            recorded: false,
            daemon,
            actors: new Map(actors),
            entries: entries.slice(),
            finals: new Map(finals),
            missing,
            now: () => now,
          }
        : null;
    },
  };
}

/** Moves of the last second. */
export function transitionsPerSecond({ entries, now }: View): number {
  const since = now() - 1000;
  let count = 0;
  for (let index = entries.length - 1; index >= 0; index -= 1) {
    const entry = entries[index];
    if (entry === undefined || entry.at < since) break;
    if (entry.kind === "transition") count += 1;
  }
  return count;
}
