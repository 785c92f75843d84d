import type {
  FeedActor,
  FeedBaseline,
  FeedDetails,
  FeedEntry,
  WireRecording,
} from "../inspector/feed-messages.ts";
import type { RecordedPart, RecordedStep, Recording } from "./read-recording.ts";

/** Entries that the page gets with a moment. */
const entriesOfMoment = 1000;
/** Failures that the slider marks one by one. */
const maxFailures = 1000;
const maxTransitions = 60;

/** When it is: a time in milliseconds since the epoch, or right after the entry of that number. */
export type Moment = { readonly at: number } | { readonly seq: number };

/** From when to when the recording tells, and where something failed. */
export function spanOf({ daemon, at, parts }: Recording): WireRecording {
  const steps = parts.flatMap((part) => part.steps);
  const [first, last] = [parts[0], steps.at(-1)];
  const from = first?.startedAt ?? at;
  const firstSeq = first?.firstSeq ?? 0;
  const to = Math.max(from, at, last?.at ?? 0);
  const failures = steps
    .filter(({ failed }) => failed)
    .map(({ seq, at: when, entry, actor }) => ({ seq, at: when, key: keyOf(entry) ?? actor?.key ?? "" }));
  return {
    type: "recording",
    daemon,
    from,
    to,
    firstSeq,
    lastSeq: Math.max(firstSeq - 1, last?.seq ?? 0),
    failures: spread(failures, (to - from) / maxFailures),
  };
}

function keyOf(entry: FeedEntry | null): string | undefined {
  return entry?.kind === "message" ? entry.target : entry?.key;
}

/** All, or of too many one of those that are nearer to each other than the slider can show. */
function spread<Failure extends { readonly at: number }>(
  failures: readonly Failure[],
  ms: number,
): readonly Failure[] {
  if (failures.length <= maxFailures) return failures;
  let next = Number.NEGATIVE_INFINITY;
  return failures.filter(({ at }) => {
    if (at < next) return false;
    next = at + ms;
    return true;
  });
}

/** All machines as they were, and the entries before. */
export function momentAt(recording: Recording, moment: Moment): FeedBaseline {
  const { daemon, parts } = recording;
  const part =
    parts.findLast((one) => isBefore({ at: one.startedAt, seq: one.firstSeq - 1 }, moment)) ?? parts[0];
  const passed = part === undefined ? [] : stepsUntil(part, moment);
  const last = passed.at(-1);
  const began = part?.startedAt ?? recording.at;
  return {
    type: "baseline",
    daemon,
    now: "at" in moment ? Math.max(began, moment.at) : (last?.at ?? began),
    seq: last?.seq ?? (part?.firstSeq ?? 1) - 1,
    actors: part === undefined ? [] : actorsAfter(part, passed),
    entries: entriesUntil(recording, part, passed),
    missed: 0,
  };
}

/** What is known of a machine beyond its state; a recording has no contexts. */
export function recordedDetails(recording: Recording, key: string, moment: Moment): FeedDetails {
  const transitions = recording.parts
    .flatMap((part) => stepsUntil(part, moment))
    .flatMap(({ entry }) => (entry?.kind === "transition" && entry.key === key ? [entry] : []))
    .slice(-maxTransitions)
    .map(({ at, from, to, event }) => ({ at, from, to, event }));
  return { key, effects: [], transitions };
}

function isBefore(step: { readonly at: number; readonly seq: number }, moment: Moment): boolean {
  return "at" in moment ? step.at <= moment.at : step.seq <= moment.seq;
}

function stepsUntil({ steps }: RecordedPart, moment: Moment): readonly RecordedStep[] {
  const end = steps.findIndex((step) => !isBefore(step, moment));
  return end < 0 ? steps : steps.slice(0, end);
}

function actorsAfter(part: RecordedPart, steps: readonly RecordedStep[]): readonly FeedActor[] {
  const actors = new Map(part.actors.map((actor) => [actor.key, actor]));
  for (const { actor } of steps) {
    if (actor?.ended === true) actors.delete(actor.key);
    else if (actor !== null) actors.set(actor.key, actor);
  }
  return [...actors.values()];
}

/** The last ones, oldest first. */
function entriesUntil(
  { parts }: Recording,
  part: RecordedPart | undefined,
  passed: readonly RecordedStep[],
): readonly FeedEntry[] {
  const earlier = part === undefined ? [] : parts.slice(0, parts.indexOf(part)).toReversed();
  const found: FeedEntry[] = [];
  for (const steps of [passed, ...earlier.map((one) => one.steps)]) {
    for (const { entry } of steps.toReversed()) {
      if (entry !== null) found.push(entry);
      if (found.length === entriesOfMoment) return found.toReversed();
    }
  }
  return found.toReversed();
}
