import type { EventObject, InspectionEvent } from "xstate";
import type { LiveMachine, LiveMachines, MachineChange, MachineListener } from "../machines/live-machine.ts";
import { machineOf } from "../machines/machine-of.ts";
import { createRing } from "../ring.ts";
import { boundedCopy } from "./bounded-copy.ts";
import { deliveryOf, feedActor, feedMessage, type Moment } from "./feed-entries.ts";
import type { FeedActor, FeedBaseline, FeedDelta, FeedEntry, FeedMessage } from "./feed-messages.ts";
import { createEdgeFinder } from "./taken-edges.ts";

export interface FeedOptions {
  readonly daemon: FeedBaseline["daemon"];
  readonly machines: LiveMachines;
  /** REmoves secrets from a line of JSON. */
  readonly redact: (line: string) => string;
  /** Called once when the feed gives up after a fault of its own. */
  readonly broke: (error: unknown) => void;
  readonly clock?: () => Moment;
}

/** What happens to the machines, made ready for viewers. Nothing in it throws into a machine's step. */
export interface Feed {
  readonly listener: MachineListener;
  /** For `createActor(root, { inspect })`, beside the observer's. */
  readonly inspect: (event: InspectionEvent) => void;
  /** While somebody watches, changes are gathered and `wake` is called at the first after each `take`. */
  watch(wake: (() => void) | undefined): void;
  /** What was gathered since the last `take`, as a line of JSON without secrets. */
  take(): string;
  /** Everything, as a line of JSON without secrets; `missed` is told to the viewer. */
  baseline(missed: number): string;
  /** Number of the newest entry. */
  seq(): number;
}

/** Entries that a late viewer gets. */
const entriesKept = 600;
/** Entries of one frame; frames are some 40 ms apart, so this is about what a person's page can draw. */
const entriesPerFrame = 240;

const messageBounds = { values: 48, depth: 5, text: 160, elements: 6 };

type Transition = Omit<Extract<MachineChange, { readonly kind: "transition" }>, "kind">;
const firstTransition: Transition = { from: "", event: "xstate.init", heldMs: 0, taken: [] };

const systemClock = (): Moment => ({ wallMs: Date.now(), monotonicMs: performance.now() });

/**
 * Keeps the last entries (transitions and messages) for late viewers, and gathers changes for present ones: per machine its
 * state now, so that however many were skipped the last is never missed, and the entries up to a bound. Fields of events
 * are copied only for viewers, in `take`: without one an event costs a small object.
 */
export function createFeed(options: FeedOptions): Feed {
  const { redact, clock = systemClock } = options;
  const kept = createRing<FeedEntry>(entriesKept);
  const edgesOf = createEdgeFinder();
  const lastEdges = new WeakMap<LiveMachine, readonly number[]>();
  let changed = new Map<LiveMachine, boolean>();
  let entries: FeedEntry[] = [];
  let events: { readonly entry: FeedMessage; readonly event: EventObject }[] = [];
  let left = 0;
  let seq = 0;
  let broken = false;
  let wake: (() => void) | undefined;

  /** A fault of the feed must not reach the machine whose step it is called in. */
  function guarded<Given extends readonly unknown[]>(work: (...given: Given) => void) {
    return (...given: Given): void => {
      if (broken) return;
      try {
        work(...given);
      } catch (error) {
        broken = true;
        options.broke(error);
      }
    };
  }

  function add(entry: FeedEntry, event?: EventObject): void {
    kept.push(entry);
    if (wake === undefined) return;
    if (entries.length >= entriesPerFrame) left += 1;
    else {
      entries.push(entry);
      if (entry.kind === "message" && event !== undefined) events.push({ entry, event });
    }
    wake();
  }

  function transition(machine: LiveMachine, { from, event, heldMs, taken }: Transition): void {
    const logic = machineOf(machine.ref);
    const edges = logic === undefined ? [] : edgesOf(logic, taken);
    lastEdges.set(machine, edges);
    seq += 1;
    add({
      kind: "transition",
      seq,
      at: Date.now(),
      key: machine.ref.sessionId,
      machine: machine.kind.name,
      actor: machine.actor,
      subject: machine.subject,
      from,
      to: machine.state.name,
      paths: machine.state.paths,
      edges,
      event,
      heldMs: Math.round(heldMs),
    });
  }

  const actor = (machine: LiveMachine, moment: Moment, ended: boolean): FeedActor => ({
    ...feedActor(machine, lastEdges.get(machine) ?? [], moment),
    ...(ended && { ended }),
  });

  function clear(): void {
    changed = new Map();
    entries = [];
    events = [];
    left = 0;
  }

  const withData = (): readonly FeedEntry[] => {
    const data = new Map(
      events.map(({ entry, event: { type: _, ...fields } }) => [
        entry as FeedEntry,
        boundedCopy(fields, messageBounds, redact),
      ]),
    );
    return entries.map((entry) => (data.has(entry) ? { ...entry, data: data.get(entry) } : entry));
  };

  return {
    listener: guarded((machine, change) => {
      if (change.kind === "began") transition(machine, firstTransition);
      else if (change.kind === "transition") transition(machine, change);
      if (wake === undefined) return;
      changed.set(machine, change.kind === "ended");
      wake();
    }),
    inspect: guarded((inspected: InspectionEvent) => {
      if (inspected.type !== "@xstate.event") return;
      const delivery = deliveryOf(inspected, options.machines);
      if (delivery === undefined) return;
      seq += 1;
      add(feedMessage(delivery, seq, Date.now()), inspected.event);
    }),
    watch(next) {
      wake = next;
      if (next === undefined) clear();
    },
    take() {
      const moment = clock();
      const frame: FeedDelta = {
        type: "delta",
        now: moment.wallMs,
        seq,
        changed: [...changed].map(([machine, ended]) => actor(machine, moment, ended)),
        entries: withData(),
        left,
      };
      clear();
      return redact(JSON.stringify(frame));
    },
    baseline(missed) {
      const live = [...options.machines.live()];
      const moment = clock();
      const frame: FeedBaseline = {
        type: "baseline",
        daemon: options.daemon,
        now: moment.wallMs,
        seq,
        actors: live.map((machine) => actor(machine, moment, false)),
        entries: kept.entries(),
        missed,
      };
      return redact(JSON.stringify(frame));
    },
    seq: () => seq,
  };
}
