import type {
  AnyActorRef,
  AnyMachineSnapshot,
  EventObject,
  InspectedMicrostepEvent,
  InspectionEvent,
} from "xstate";
import type { Logger } from "../logs/logger.ts";
import type { MachineRow, MachineState, Transition } from "../pages/machines-page.ts";
import { createRing } from "../ring.ts";
import { failureBehind, keptFailure } from "./failure-behind.ts";
import {
  enterState,
  type LiveMachine,
  type LiveMachines,
  type MachineListener,
  rowOf,
  stateOf,
} from "./live-machine.ts";
import { createMachineKind, eventLabel, type MachineKind, stateKindOf } from "./machine-kinds.ts";
import { machineOf } from "./machine-of.ts";

export interface ObserverOptions {
  readonly log: Logger;
  /** Key of what a machine stands for, from its first context: "" for none. Must not throw and must not be a secret. */
  readonly subjectOf?: (machine: string, context: unknown) => string;
  readonly listener?: MachineListener | undefined;
  /** Monotonic milliseconds. */
  readonly monotonicMs?: () => number;
  readonly wallClockMs?: () => number;
}

export interface MachineObserver extends LiveMachines {
  /** For `createActor(root, { inspect })`. Never throws: after a fault of its own it logs once and does nothing more. */
  readonly inspect: (event: InspectionEvent) => void;
  /** Every machine that runs or failed unhandled, parents before children, then the provided rows. */
  rows(): readonly MachineRow[];
  /** The rows without the last transitions. */
  states(): readonly MachineState[];
  /** Machines of another program on this node join the table and the gauges. */
  registerRows(provider: () => Iterable<MachineRow>): void;
  /** The last transitions of all machines, oldest first. */
  recentTransitions(): readonly Transition[];
  /** Everything seen so far, for the counters. */
  kinds(): Iterable<MachineKind>;
  /** True once the observer gave up. */
  disabled(): boolean;
}

type Step = {
  readonly from: string;
  readonly to: string;
  readonly event: EventObject;
  /** Time in `from`. */
  readonly heldMs: number;
  /** After it. */
  readonly context: unknown;
};

const transitionsPerActor = 16;
const transitionsKept = 1000;
const stopEvent = "xstate.stop";
const initEvent = "xstate.init";

/**
 * Turns XState's inspection events into one log line per transition, counters and the table of live machines.
 * It acts on microsteps, so states left at once by `always` are seen too. A message that an action sends is delivered
 * within the action: its effect on the other machine may be logged before the transition that sent it.
 */
export function createMachineObserver(options: ObserverOptions): MachineObserver {
  const {
    log,
    subjectOf = () => "",
    listener,
    monotonicMs = () => performance.now(),
    wallClockMs = Date.now,
  } = options;
  const live = new Map<AnyActorRef, LiveMachine>();
  const parents = new WeakMap<AnyActorRef, AnyActorRef>();
  const kinds = new Map<string, MachineKind>();
  const providers: (() => Iterable<MachineRow>)[] = [];
  const recent = createRing<Transition>(transitionsKept);
  let disabled = false;

  function started(ref: AnyActorRef, parent: AnyActorRef | undefined): void {
    const logic = machineOf(ref);
    if (logic === undefined) return;
    const snapshot = ref.getSnapshot() as AnyMachineSnapshot;
    const kind = kinds.get(logic.id) ?? createMachineKind(logic.id);
    kinds.set(logic.id, kind);
    if (snapshot.status === "error") return;
    const state = stateKindOf(kind, snapshot);
    const machine: LiveMachine = {
      kind,
      ref,
      actor: ref.id,
      parent,
      subject: subjectOf(kind.name, snapshot.context),
      last: createRing(transitionsPerActor),
      state,
      since: monotonicMs(),
      nodesSince: undefined,
      keptFailure: keptFailure(snapshot.context),
      error: undefined,
    };
    record(machine, { from: "", to: state.name, event: { type: initEvent }, heldMs: 0, context: undefined });
    listener?.(machine, { kind: "began" });
    if (snapshot.status === "active") live.set(ref, machine);
    else listener?.(machine, { kind: "ended" });
  }

  function stepped(event: InspectedMicrostepEvent): void {
    const machine = live.get(event.actorRef as AnyActorRef);
    if (machine === undefined) return;
    const snapshot = event.snapshot as AnyMachineSnapshot;
    const cause = event.event.type;
    if (event._transitions.length === 0 && cause !== stopEvent) countIgnored(machine, cause);
    const reentering = event._transitions.find(({ reenter, target }) => reenter && target !== undefined);
    const state = stateKindOf(machine.kind, snapshot);
    if (state !== machine.state || reentering !== undefined) {
      const from = machine.state;
      const now = monotonicMs();
      const heldMs = now - machine.since;
      enterState(machine, state, now, reentering?.source.id);
      from.left.set(state.name, (from.left.get(state.name) ?? 0) + 1);
      record(machine, {
        from: from.name,
        to: state.name,
        event: event.event,
        heldMs,
        context: snapshot.context,
      });
      const taken = event._transitions;
      listener?.(machine, { kind: "transition", from: from.name, event: cause, heldMs, taken });
    }
    machine.keptFailure = keptFailure(snapshot.context);
    if (snapshot.status !== "active") forget(machine);
  }

  function forget(machine: LiveMachine): void {
    live.delete(machine.ref);
    listener?.(machine, { kind: "ended" });
  }

  function record(machine: LiveMachine, { from, to, event, heldMs, context }: Step): void {
    const { kind, actor, subject, state } = machine;
    const transition = { at: wallClockMs(), machine: kind.name, actor, from, to, event: event.type };
    machine.last.push(transition);
    recent.push(transition);
    if (!log.isLevelEnabled(state.log)) return;
    const failure = failureBehind(event, context, machine.keptFailure);
    log[state.log](
      {
        machine: kind.name,
        actor,
        ...(subject !== "" && { subject }),
        from,
        to,
        event: event.type,
        heldMs: Math.round(heldMs),
        ...(failure && { failure }),
      },
      "transition",
    );
  }

  function countIgnored(machine: LiveMachine, type: string): void {
    const label = eventLabel(type);
    machine.kind.ignored.set(label, (machine.kind.ignored.get(label) ?? 0) + 1);
    log.debug(
      { machine: machine.kind.name, actor: machine.actor, state: machine.state.name, event: type },
      "event ignored",
    );
  }

  function failed(ref: AnyActorRef | undefined, event: EventObject): void {
    const machine = ref === undefined ? undefined : live.get(ref);
    if (machine === undefined || machine.error !== undefined) return;
    const error: unknown = "error" in event ? event.error : undefined;
    markFailed(machine, error);
  }

  function markFailed(machine: LiveMachine, error: unknown): void {
    machine.error = error instanceof Error ? error.message : String(error);
    log.error(
      { machine: machine.kind.name, actor: machine.actor, state: machine.state.name, err: error },
      "machine failed",
    );
    listener?.(machine, { kind: "failed" });
  }

  /** XState reports no step of a machine that an action's throw ended; what nobody holds any more is forgotten. */
  function sweep(): void {
    for (const [ref, machine] of live) {
      const { status, error } = ref.getSnapshot() as AnyMachineSnapshot;
      if (status === "active") continue;
      if (status !== "error" || abandoned(machine)) forget(machine);
      else if (machine.error === undefined) markFailed(machine, error);
    }
  }

  function table<Row>(describe: (machine: LiveMachine, now: number) => Row): (Row | MachineRow)[] {
    sweep();
    const now = monotonicMs();
    const rows: (Row | MachineRow)[] = [...live.values()].map((machine) => describe(machine, now));
    return rows.concat(providers.flatMap((provide) => [...provide()]));
  }

  return {
    inspect(event) {
      if (disabled) return;
      try {
        if (event.type === "@xstate.microstep") stepped(event);
        else if (event.type === "@xstate.event") {
          const [target, source] = [
            event.actorRef as AnyActorRef,
            event.sourceRef as AnyActorRef | undefined,
          ];
          if (event.event.type === initEvent) {
            if (source !== undefined) parents.set(target, source);
            started(target, source);
          } else if (event.event.type.startsWith("xstate.error.actor.")) failed(source, event.event);
        }
      } catch (error) {
        disabled = true;
        log.error({ err: error }, "machine observer disabled");
      }
    },
    rows: () => table(rowOf),
    live: () => {
      sweep();
      return live.values();
    },
    parentOf: (ref) => parents.get(ref),
    states: () => table(stateOf),
    registerRows: (provider) => providers.push(provider),
    recentTransitions: () => recent.entries(),
    kinds: () => kinds.values(),
    disabled: () => disabled,
  };
}

/** Whether the parent has let go of a failed machine (`stopChild`), or failed or ended itself. */
function abandoned({ ref, parent }: LiveMachine): boolean {
  if (parent === undefined) return false;
  const snapshot = parent.getSnapshot() as AnyMachineSnapshot;
  return (
    snapshot.status !== "active" || (snapshot.children as Readonly<Record<string, unknown>>)[ref.id] !== ref
  );
}
