import type { AnyActorRef, EventObject, InspectedEventEvent, InspectionEvent } from "xstate";
import { parseJson } from "../../domain/parse-json.ts";
import { deliveryOf } from "../inspector/feed-entries.ts";
import type { FeedBaseline } from "../inspector/feed-messages.ts";
import { createEdgeFinder } from "../inspector/taken-edges.ts";
import { failureBehind } from "../machines/failure-behind.ts";
import {
  type LiveMachine,
  type LiveMachines,
  type MachineChange,
  type MachineListener,
  nearestLimit,
} from "../machines/live-machine.ts";
import type { StateKind } from "../machines/machine-kinds.ts";
import { machineOf } from "../machines/machine-of.ts";
import { createRecordingMemory } from "./recording-memory.ts";
import { type RecordingPage, recordingFormat, recordKinds } from "./recording-page.ts";

export interface RecorderOptions {
  readonly daemon: FeedBaseline["daemon"];
  readonly machines: Pick<LiveMachines, "parentOf">;
  /** REmoves secrets from a line of JSON. */
  readonly redact: (line: string) => string;
  /** Called once when the recorder gives up after a fault of its own. */
  readonly broke: (error: unknown) => void;
  readonly memory?: Parameters<typeof createRecordingMemory>[0];
  readonly wallClockMs?: () => number;
  /** The observer's clock. */
  readonly monotonicMs?: () => number;
}

/** Keeps what the inspector would tell, whether it is on or not, in bounded memory. Nothing in it throws into a machine's step. */
export interface Recorder {
  readonly listener: MachineListener;
  /** For `createActor(root, { inspect })`, beside the observer's. */
  readonly inspect: (event: InspectionEvent) => void;
  /** All that is kept, without secrets. */
  page(): RecordingPage;
}

/** 2 MB of records; with the table of the current segment's texts less than 3 MB in all (`npm run bench -- --only recorder`). */
const usualMemory = { segments: 6, segmentBytes: 320 * 1024, texts: 5000 };

/** Longer texts are cut. */
const longestText = 300;
/** Of one machine; more are left out. */
const maxPaths = 32;

/**
 * The flight recorder: what `inspector/feed.ts` sends to viewers, in some dozen bytes an entry instead of some hundred. Each segment
 * begins with all machines as they are, so that the oldest one can go at any time. Fields of events are kept of failures alone.
 */
export function createRecorder(options: RecorderOptions): Recorder {
  const { daemon, machines, redact, wallClockMs = Date.now, monotonicMs = () => performance.now() } = options;
  const memory = createRecordingMemory(options.memory ?? usualMemory, withoutSecrets);
  const { number, text } = memory;
  const edgesOf = createEdgeFinder();
  const live = new Map<AnyActorRef, Known>();
  const states = new WeakMap<StateKind, string>();
  let seq = 0;
  /** Wall-clock milliseconds: of the last record, and of the one that is written. */
  let at = 0;
  let now = 0;
  let begun = false;
  let broken = false;

  /** Secrets are known as they stand in a text and as JSON writes them there. */
  function withoutSecrets(given: string): string {
    const safe = redact(given);
    const written = JSON.stringify(safe);
    const redacted = redact(written);
    if (redacted === written) return safe;
    const read = parseJson(redacted);
    return typeof read === "string" ? read : "[redacted]";
  }

  /** A fault of the recorder must not reach the machine whose step it is called in. */
  function giveUp(error: unknown): void {
    broken = true;
    options.broke(error);
  }

  /** Begins a record; `kept` ends it. No closure stands between, for this is done for each event. */
  function record(kind: number): void {
    memory.record();
    number(kind);
    // The clock may be set back: zigzag, as Protocol Buffers do.
    const passed = now - at;
    number(passed < 0 ? -2 * passed - 1 : 2 * passed);
  }

  /** False: the record is to be written again, into a new segment. */
  function kept(): boolean {
    // What an empty segment has no room for is left out.
    if (memory.fits() || begun) {
      at = now;
      begun = false;
      return true;
    }
    begin();
    begun = true;
    return false;
  }

  function begin(): void {
    at = now;
    memory.begin(seq + 1, at);
    const half = memory.room() / 2;
    const monotonicNow = monotonicMs();
    for (const known of live.values()) {
      // Of more machines than that the rest shows with their next transitions.
      if (memory.room() < half) break;
      memory.record();
      number(recordKinds.running);
      running(known, monotonicNow);
      number(Math.round(monotonicNow - known.machine.since));
      short(known.machine.error ?? "");
      memory.fits();
    }
  }

  function running({ machine, label, edges }: Known, monotonicNow: number): void {
    const { state } = machine;
    text(label);
    text(states.get(state) ?? labelOfState(state));
    number(edges.length);
    for (const edge of edges) number(edge);
    const limit = nearestLimit(machine, monotonicNow);
    number(limit?.limitMs ?? 0);
    if (limit !== null) number(Math.round(limit.heldMs));
  }

  function labelOf({ ref, parent, kind, actor, subject }: LiveMachine): string {
    return `${ref.sessionId}\t${parent?.sessionId ?? ""}\t${kind.name}\t${cut(actor)}\t${cut(subject)}`;
  }

  /** Only parallel states have another path than their name, or several. */
  function labelOfState(state: StateKind): string {
    const { name, paths } = state;
    const told = paths.length === 1 && paths[0] === name ? [] : paths.slice(0, maxPaths);
    const label = [name, ...told].map(cut).join("\t");
    states.set(state, label);
    return label;
  }

  function short(given: string): void {
    text(cut(given));
  }

  function cut(given: string): string {
    // Secrets go before the cut, or half a key would pass unnoticed.
    return given.length <= longestText ? given : `${withoutSecrets(given).slice(0, longestText)}…`;
  }

  function moved(machine: LiveMachine, { from, event, heldMs, taken }: Transition): void {
    const { ref } = machine;
    const logic = machineOf(ref);
    const edges = logic === undefined ? [] : edgesOf(logic, taken);
    const known = live.get(ref) ?? { machine, label: labelOf(machine), edges };
    known.edges = edges;
    live.set(ref, known);
    do {
      record(recordKinds.transition);
      running(known, machine.since);
      short(from);
      short(event);
      number(Math.round(heldMs));
    } while (!kept());
    seq += 1;
  }

  function left(machine: LiveMachine, kind: number): void {
    const label = live.get(machine.ref)?.label ?? labelOf(machine);
    if (kind === recordKinds.ended) live.delete(machine.ref);
    do {
      record(kind);
      text(label);
      if (kind === recordKinds.failed) short(machine.error ?? "");
    } while (!kept());
  }

  /** A machine that has ended is told by its key and its machine's name alone. */
  function end(ref: AnyActorRef): string {
    return live.get(ref)?.label ?? `${ref.sessionId}\t\t${machineOf(ref)?.id ?? ""}`;
  }

  /** The failure that an event tells of, as JSON; "" of others. */
  function failureText(event: EventObject): string {
    if (!("error" in event) && !("failure" in event)) return "";
    const failure = failureBehind(event, undefined, undefined);
    if (failure === undefined) return "";
    const [code, message] = [failure.code, failure.message].map((told) => cut(withoutSecrets(told)));
    return JSON.stringify({ failure: { code, message } });
  }

  function delivered(inspected: InspectedEventEvent): void {
    const delivery = deliveryOf(inspected, machines);
    if (delivery === undefined) return;
    const { type, source, target } = delivery;
    const failure = failureText(inspected.event);
    do {
      record(recordKinds.message);
      short(type);
      text(source === undefined ? "" : end(source.ref));
      text(end(target.ref));
      short(source?.effect || target.effect);
      text(failure);
    } while (!kept());
    seq += 1;
  }

  return {
    listener(machine, change) {
      if (broken) return;
      try {
        now = Math.round(wallClockMs());
        if (change.kind === "began") moved(machine, firstTransition);
        else if (change.kind === "transition") moved(machine, change);
        else left(machine, recordKinds[change.kind]);
      } catch (error) {
        giveUp(error);
      }
    },
    inspect(inspected) {
      // Most inspection events are of other types.
      if (inspected.type !== "@xstate.event" || broken) return;
      try {
        now = Math.round(wallClockMs());
        delivered(inspected);
      } catch (error) {
        giveUp(error);
      }
    },
    page: () => ({
      format: recordingFormat,
      daemon,
      at: wallClockMs(),
      segments: memory.segments().map(({ firstSeq, startedAt, numbers, texts }) => ({
        firstSeq,
        startedAt,
        // Again: some secrets are known only since.
        texts: texts.map(withoutSecrets),
        records: numbers.toString("base64"),
      })),
    }),
  };
}

/** What is kept of a machine that runs. */
interface Known {
  readonly machine: LiveMachine;
  /** The text that names it. */
  readonly label: string;
  /** The transitions that it took last. */
  edges: readonly number[];
}

type Transition = Omit<Extract<MachineChange, { readonly kind: "transition" }>, "kind">;
const firstTransition: Transition = { from: "", event: "xstate.init", heldMs: 0, taken: [] };
