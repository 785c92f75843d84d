import type { AnyActorRef, AnyTransitionDefinition } from "xstate";
import type { MachineKind, StateKind } from "./machine-kinds.ts";
import type { Ring } from "./ring.ts";

/** One transition; times are milliseconds of the wall clock. */
export interface Transition {
  readonly at: number;
  readonly machine: string;
  readonly actor: string;
  readonly from: string;
  readonly to: string;
  readonly event: string;
}

/** A machine that runs, as the observer keeps it. */
export interface LiveMachine {
  readonly kind: MachineKind;
  readonly ref: AnyActorRef;
  readonly actor: string;
  readonly parent: AnyActorRef | undefined;
  /** Key of what the machine stands for (an attachment, a prefix); empty when it has none. */
  readonly subject: string;
  readonly last: Ring<Transition>;
  state: StateKind;
  /** Monotonic milliseconds at which `state` was entered. */
  since: number;
  /** The same for state nodes entered earlier than `state`, where states nest; a flat machine has none. */
  nodesSince: ReadonlyMap<string, number> | undefined;
  /** The failure its context held after its last step. */
  keptFailure: unknown;
  /** What it failed with, once it did. */
  error: string | undefined;
}

/** Who wants to know of every change at once. Called within the machine's step: must be quick and must not throw. */
export interface MachineListener {
  began(machine: LiveMachine): void;
  /** `taken` are the transitions of the step, several where states are parallel. */
  moved(
    machine: LiveMachine,
    from: string,
    step: {
      readonly event: string;
      readonly heldMs: number;
      readonly taken: readonly AnyTransitionDefinition[];
    },
  ): void;
  /** It failed, and its parent has not dealt with it. */
  failed(machine: LiveMachine): void;
  ended(machine: LiveMachine): void;
}

/** A machine and the state it is in. */
export interface MachineState {
  readonly machine: string;
  readonly actor: string;
  readonly parent: string | null;
  readonly subject: string;
  readonly state: string;
  readonly sinceMs: number;
  readonly limitMs: number | null;
  readonly stuck: boolean;
  /** The states around it that have a limit of their own, whose time goes on while the inner ones take turns. */
  readonly outer?: readonly OuterState[];
  /** The innermost states of a machine with parallel regions, each with its own time; its name is a state of all of them. */
  readonly regions?: readonly RegionState[];
  readonly error?: string;
}

/** A state with states in it, as long as one of them is active. */
export interface OuterState {
  readonly state: string;
  readonly sinceMs: number;
  readonly limitMs: number;
  readonly stuck: boolean;
}

/** The innermost state of one parallel region. */
export interface RegionState {
  /** Its dotted path. */
  readonly state: string;
  /** Without a limit of its own: how long all regions have been as they are. */
  readonly sinceMs: number;
  readonly limitMs: number | null;
  readonly stuck: boolean;
}

/** A row of `/debug/machines`. */
export interface MachineRow extends MachineState {
  readonly lastTransitions: readonly Pick<Transition, "at" | "from" | "to" | "event">[];
}

/**
 * Enters `state`. Nodes that stay active keep their time; of a state that is entered again those below `reentered`
 * (a node id) start anew.
 */
export function enterState(machine: LiveMachine, state: StateKind, now: number, reentered = ""): void {
  let kept: Map<string, number> | undefined;
  for (const node of state.limits.keys()) {
    const stays = machine.state === state ? !node.startsWith(reentered) : machine.state.limits.has(node);
    if (stays) kept = (kept ?? new Map()).set(node, machine.nodesSince?.get(node) ?? machine.since);
  }
  machine.nodesSince = kept;
  machine.state = state;
  machine.since = now;
}

/** The limit that ends first: its length, and whether it is over. Null when no active state has one. */
export function nearestLimit(
  machine: LiveMachine,
  now: number,
): { readonly limitMs: number; readonly heldMs: number } | null {
  let nearest: { readonly limitMs: number; readonly heldMs: number } | null = null;
  for (const [node, limitMs] of machine.state.limits) {
    const heldMs = now - (machine.nodesSince?.get(node) ?? machine.since);
    if (nearest === null || limitMs - heldMs < nearest.limitMs - nearest.heldMs)
      nearest = { limitMs, heldMs };
  }
  return nearest;
}

function outerStates(machine: LiveMachine, now: number): readonly OuterState[] {
  return [...machine.state.outer].map(([node, state]) => {
    const limitMs = machine.state.limits.get(node) ?? 0;
    const heldMs = now - (machine.nodesSince?.get(node) ?? machine.since);
    return { state, sinceMs: Math.round(heldMs), limitMs, stuck: heldMs > limitMs };
  });
}

function regionStates({ kind, state, since, nodesSince }: LiveMachine, now: number): readonly RegionState[] {
  return state.paths.map((path) => {
    const node = `${kind.name}.${path}`;
    const limitMs = state.limits.get(node) ?? null;
    const heldMs = now - (nodesSince?.get(node) ?? since);
    return { state: path, sinceMs: Math.round(heldMs), limitMs, stuck: limitMs !== null && heldMs > limitMs };
  });
}

export function stateOf(machine: LiveMachine, now: number): MachineState {
  const limit = nearestLimit(machine, now);
  const outer = outerStates(machine, now);
  return {
    machine: machine.kind.name,
    actor: machine.actor,
    parent: machine.parent?.id ?? null,
    subject: machine.subject,
    state: machine.error === undefined ? machine.state.name : "error",
    sinceMs: Math.round(now - machine.since),
    limitMs: limit?.limitMs ?? null,
    stuck: limit !== null && limit.heldMs > limit.limitMs,
    ...(outer.length > 0 && { outer }),
    ...(machine.state.paths.length > 1 &&
      machine.error === undefined && { regions: regionStates(machine, now) }),
    ...(machine.error !== undefined && { error: machine.error }),
  };
}

export function rowOf(machine: LiveMachine, now: number): MachineRow {
  const lastTransitions = machine.last.entries().map(({ at, from, to, event }) => ({ at, from, to, event }));
  return { ...stateOf(machine, now), lastTransitions };
}
