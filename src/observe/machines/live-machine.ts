import type { AnyActorRef, AnyTransitionDefinition } from "xstate";
import type { MachineRow, MachineState, Transition } from "../pages/machines-page.ts";
import type { Ring } from "../ring.ts";
import type { MachineKind, StateKind } from "./machine-kinds.ts";

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

/** What happens to a machine. One that failed has a parent that has not dealt with it. */
export type MachineChange =
  | { readonly kind: "began" | "failed" | "ended" }
  /** `taken` are the transitions of the step, several where states are parallel. */
  | {
      readonly kind: "transition";
      readonly from: string;
      readonly event: string;
      readonly heldMs: number;
      readonly taken: readonly AnyTransitionDefinition[];
    };

/** Hears of every change at once. Called within the machine's step: must be quick and must not throw. */
/** What an observer knows of the actors that run. */
export interface LiveMachines {
  /** Every machine that runs or failed unhandled, as it is kept: to be read, not changed. */
  live(): Iterable<LiveMachine>;
  /** Who made an actor. */
  parentOf(ref: AnyActorRef): AnyActorRef | undefined;
}

export type MachineListener = (machine: LiveMachine, change: MachineChange) => void;

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
    const heldMs = heldFor(machine, node, now);
    if (nearest === null || limitMs - heldMs < nearest.limitMs - nearest.heldMs)
      nearest = { limitMs, heldMs };
  }
  return nearest;
}

/** Milliseconds past its limit until a state counts as stuck: the timer that ends it then may fire this late on a busy node. */
const timerLatenessMs = 1_000;

function isStuck(heldMs: number, limitMs: number): boolean {
  return heldMs > limitMs + timerLatenessMs;
}

export function stateOf(machine: LiveMachine, now: number): MachineState {
  const { kind, state, error } = machine;
  const limit = nearestLimit(machine, now);
  const nodeState = (node: string, path: string) => {
    const limitMs = state.limits.get(node) ?? null;
    const heldMs = heldFor(machine, node, now);
    return {
      state: path,
      sinceMs: Math.round(heldMs),
      limitMs,
      stuck: limitMs !== null && isStuck(heldMs, limitMs),
    };
  };
  return {
    machine: kind.name,
    actor: machine.actor,
    parent: machine.parent?.id ?? null,
    subject: machine.subject,
    state: error === undefined ? state.name : "error",
    sinceMs: Math.round(now - machine.since),
    limitMs: limit?.limitMs ?? null,
    stuck: limit !== null && isStuck(limit.heldMs, limit.limitMs),
    ...(state.outer.size > 0 && { outer: [...state.outer].map(([node, path]) => nodeState(node, path)) }),
    ...(state.paths.length > 1 &&
      error === undefined && { regions: state.paths.map((path) => nodeState(`${kind.name}.${path}`, path)) }),
    ...(error !== undefined && { error }),
  };
}

export function rowOf(machine: LiveMachine, now: number): MachineRow {
  const lastTransitions = machine.last.entries().map(({ at, from, to, event }) => ({ at, from, to, event }));
  return { ...stateOf(machine, now), lastTransitions };
}

function heldFor({ nodesSince, since }: LiveMachine, node: string, now: number): number {
  return now - (nodesSince?.get(node) ?? since);
}
