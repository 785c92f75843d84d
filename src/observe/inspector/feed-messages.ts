/** What the inspector's page and the daemon say to each other: types alone, shared by both. Times are wall-clock milliseconds of the daemon. */

/** A machine that runs, or one that has just ended. */
export interface FeedActor {
  /** Unique while the daemon lives: XState's session id. */
  readonly key: string;
  readonly parent: string | null;
  readonly machine: string;
  readonly actor: string;
  /** What the machine stands for (an attachment, a prefix); empty when it has none. */
  readonly subject: string;
  readonly state: string;
  /** Dotted paths of the innermost active states. */
  readonly paths: readonly string[];
  readonly since: number;
  /** The limit that ends first. */
  readonly limit: { readonly ms: number; readonly since: number } | null;
  /** Positions of the last taken transitions in the machine's chart. */
  readonly edges: readonly number[];
  readonly error?: string;
  /** It reached its end or was stopped; this is the last that is heard of it. */
  readonly ended?: true;
}

/** A machine went to another state, began or ended. */
export interface FeedTransition
  extends Pick<FeedActor, "key" | "machine" | "actor" | "subject" | "paths" | "edges"> {
  readonly kind: "transition";
  readonly seq: number;
  readonly at: number;
  /** Empty when the machine began. */
  readonly from: string;
  readonly to: string;
  readonly event: string;
  readonly heldMs: number;
}

/** An event went from one actor to another. Effects (promises, callbacks) count as part of the machine that runs them. */
export interface FeedMessage {
  readonly kind: "message";
  readonly seq: number;
  readonly at: number;
  readonly type: string;
  /** Null when it came from outside the actor system. */
  readonly source: string | null;
  readonly sourceMachine: string;
  readonly target: string;
  readonly targetMachine: string;
  /** Name of the effect that sent or received it; empty between machines. */
  readonly effect: string;
  /** The event's fields, shortened, secrets removed; absent when nobody watched as it was sent. */
  readonly data?: unknown;
}

export type FeedEntry = FeedTransition | FeedMessage;

/** Everything a viewer needs to begin with, or to go on with after it fell behind. */
export interface FeedBaseline {
  readonly type: "baseline";
  readonly daemon: { readonly node: string; readonly version: string; readonly pid: number };
  readonly now: number;
  readonly seq: number;
  readonly actors: readonly FeedActor[];
  /** The last entries, oldest first. */
  readonly entries: readonly FeedEntry[];
  /** Entries that this viewer did not get because it was slow. */
  readonly missed: number;
}

/** What changed since the last frame. An actor that changed several times is told once, as it is now. */
export interface FeedDelta {
  readonly type: "delta";
  readonly now: number;
  /** Number of the newest entry so far, sent or left out. */
  readonly seq: number;
  readonly changed: readonly FeedActor[];
  readonly entries: readonly FeedEntry[];
  /** Entries left out of this frame because there were too many. */
  readonly left: number;
}

export type FeedFrame = FeedBaseline | FeedDelta | { readonly type: "beat"; readonly now: number };

/** What a recording covers, in place of the frames: states are asked for by `/inspect/moment`, which answers with a baseline. */
export interface WireRecording extends Pick<FeedBaseline, "daemon"> {
  readonly type: "recording";
  readonly from: number;
  readonly to: number;
  /** Numbers of the first and the last entry. */
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Where something failed, and the machine that heard of it or is it; oldest first; of very many in a row the first. */
  readonly failures: readonly { readonly seq: number; readonly at: number; readonly key: string }[];
}

/** Answer of `/inspect/actor?key=`. */
export interface FeedDetails {
  readonly key: string;
  /** Absent in a recording. */
  readonly context?: unknown;
  /** Names of the effects that run now. */
  readonly effects: readonly string[];
  /** Its last transitions, oldest first: they may be older than what a viewer keeps. */
  readonly transitions: readonly Pick<FeedTransition, "at" | "from" | "to" | "event">[];
}
