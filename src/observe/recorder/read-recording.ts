import { HeadcniError } from "../../domain/failure.ts";
import { parseJson } from "../../domain/parse-json.ts";
import type { FeedActor, FeedBaseline, FeedEntry } from "../inspector/feed-messages.ts";
import { type RecordingPage, recordingFormat, recordingPageSchema, recordKinds } from "./recording-page.ts";

export type RecordingFailure =
  /** Of a later release than this one. */
  | { readonly code: "NEWER_RECORDING"; readonly format: number; readonly version: string }
  /** Cut off, changed, or no recording at all. */
  | { readonly code: "NOT_A_RECORDING"; readonly why: string };

export class RecordingError extends HeadcniError<RecordingFailure> {}

/** What one record tells: a machine as it is from then on, and the entry of the event list. */
export interface RecordedStep {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Number of the newest entry so far. */
  readonly seq: number;
  /** Ended machines say so. */
  readonly actor: FeedActor | null;
  readonly entry: FeedEntry | null;
  /** It tells of a failure. */
  readonly failed: boolean;
}

/** A piece of a recording that can be read by itself. */
export interface RecordedPart {
  readonly startedAt: number;
  readonly firstSeq: number;
  /** The machines where it begins. */
  readonly actors: readonly FeedActor[];
  readonly steps: readonly RecordedStep[];
}

export interface Recording {
  readonly daemon: FeedBaseline["daemon"];
  /** When it was taken out of the daemon, in milliseconds since the epoch. */
  readonly at: number;
  /** Oldest first. */
  readonly parts: readonly RecordedPart[];
}

/** Reads what `/debug/recording` gave, into what the inspector's page is told. Throws RecordingError. */
export function readRecording(text: string): Recording {
  const page = parsedPage(text);
  return { daemon: page.daemon, at: page.at, parts: page.segments.map(readSegment) };
}

function parsedPage(text: string): RecordingPage {
  const content = parseJson(text);
  const { format, daemon } = (content ?? {}) as {
    readonly format?: unknown;
    readonly daemon?: { readonly version?: unknown };
  };
  if (typeof format === "number" && format > recordingFormat)
    throw new RecordingError(`the recording is of format ${format}, and only ${recordingFormat} is known`, {
      code: "NEWER_RECORDING",
      format,
      version: typeof daemon?.version === "string" ? daemon.version : "unknown",
    });
  const parsed = recordingPageSchema.safeParse(content);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw damaged(
      content === undefined ? "it is no JSON" : `${issue?.path.join(".") || "it"}: ${issue?.message}`,
    );
  }
  return parsed.data;
}

function damaged(why: string): RecordingError {
  return new RecordingError(`the recording cannot be read: ${why}`, { code: "NOT_A_RECORDING", why });
}

function readSegment(segment: RecordingPage["segments"][number]): RecordedPart {
  const { firstSeq, startedAt } = segment;
  const fields = readFields(segment);
  const running = new Map<string, FeedActor>();
  const steps: RecordedStep[] = [];
  let at = startedAt;
  let seq = firstSeq - 1;
  let begun: readonly FeedActor[] | undefined;
  while (!fields.done()) {
    const kind = fields.number();
    if (kind === recordKinds.running) {
      if (begun !== undefined) throw damaged("a machine is told of at the wrong place");
      const actor = readRunning(fields, startedAt);
      running.set(actor.key, actor);
      continue;
    }
    begun ??= [...running.values()];
    const passed = fields.number();
    at += passed % 2 === 1 ? -(passed + 1) / 2 : passed / 2;
    if (kind === recordKinds.transition || kind === recordKinds.message) seq += 1;
    const step = readStep(kind, fields, { at, seq, running });
    const { actor } = step;
    if (actor?.ended === true) running.delete(actor.key);
    else if (actor !== null) running.set(actor.key, actor);
    steps.push(step);
  }
  return { startedAt, firstSeq, actors: begun ?? [...running.values()], steps };
}

function readStep(
  kind: number,
  fields: Fields,
  { at, seq, running }: { at: number; seq: number; running: ReadonlyMap<string, FeedActor> },
): RecordedStep {
  const nothing = { at, seq, actor: null, entry: null, failed: false };
  switch (kind) {
    case recordKinds.transition: {
      const actor = readMachine(fields, at, at);
      const { key, machine, subject, paths, edges, state } = actor;
      const transition = { key, machine, actor: actor.actor, subject, paths, edges };
      const [from, event, heldMs] = [fields.text(), fields.text(), fields.number()];
      return {
        ...nothing,
        actor,
        entry: { kind: "transition", seq, at, ...transition, from, to: state, event, heldMs },
      };
    }
    case recordKinds.message: {
      const type = fields.text();
      const [source, target] = [readNames(fields), readNames(fields)];
      const [effect, failure] = [fields.text(), fields.text()];
      const from = { source: source.key || null, sourceMachine: source.machine };
      const about = { type, ...from, target: target.key, targetMachine: target.machine, effect };
      const data = failure === "" ? {} : { data: parseJson(failure) ?? failure };
      return {
        ...nothing,
        entry: { kind: "message", seq, at, ...about, ...data },
        failed: failure !== "",
      };
    }
    case recordKinds.failed: {
      const machine = running.get(readNames(fields).key);
      const error = fields.text();
      if (machine === undefined) return { ...nothing, failed: true };
      return { ...nothing, actor: { ...machine, state: "error", error }, failed: true };
    }
    case recordKinds.ended: {
      const machine = running.get(readNames(fields).key);
      return { ...nothing, actor: machine === undefined ? null : { ...machine, ended: true } };
    }
    default:
      throw damaged(`${kind} is no kind of record`);
  }
}

/** A machine where a segment begins. */
function readRunning(fields: Fields, startedAt: number): FeedActor {
  const actor = readMachine(fields, startedAt, startedAt);
  const since = startedAt - fields.number();
  const error = fields.text();
  return { ...actor, since, ...(error !== "" && { state: "error", error }) };
}

function readMachine(fields: Fields, at: number, since: number): FeedActor {
  const names = readNames(fields);
  const words = fields.words();
  const state = words[0] ?? "";
  const edges = fields.several(fields.number);
  const limitMs = fields.number();
  return {
    ...names,
    state,
    paths: words.length === 1 && state !== "" ? words : words.slice(1),
    since,
    limit: limitMs === 0 ? null : { ms: limitMs, since: at - fields.number() },
    edges,
  };
}

function readNames(fields: Fields): Pick<FeedActor, "key" | "parent" | "machine" | "actor" | "subject"> {
  const [key = "", parent = "", machine = "", actor = "", subject = ""] = fields.words();
  return { key, parent: parent || null, machine, actor, subject };
}

interface Fields {
  done(): boolean;
  number(): number;
  text(): string;
  /** The words of a text, between tabs. */
  words(): readonly string[];
  /** As many as a number in front says. */
  several<Field>(read: () => Field): Field[];
}

function readFields({ records, texts }: RecordingPage["segments"][number]): Fields {
  const bytes = Buffer.from(records, "base64");
  // Most texts are told again and again.
  const split = new Map<string, readonly string[]>();
  let next = 0;

  function number(): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 49; factor *= 128) {
      const byte = bytes[next++];
      if (byte === undefined) throw damaged("it ends within a record");
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    throw damaged("a number is too long");
  }

  function text(): string {
    const index = number();
    const found = index === 0 ? "" : texts[index - 1];
    if (found === undefined) throw damaged(`there is no text ${index}`);
    return found;
  }

  return {
    done: () => next >= bytes.length,
    number,
    text,
    words() {
      const whole = text();
      const words = split.get(whole) ?? whole.split("\t");
      split.set(whole, words);
      return words;
    },
    several(read) {
      const count = number();
      if (count > bytes.length - next) throw damaged("it ends within a record");
      return Array.from({ length: count }, read);
    },
  };
}
