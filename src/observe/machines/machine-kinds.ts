import type { AnyMachineSnapshot } from "xstate";
import type { StateMeta } from "../../../machines/support/state-limit.ts";
import { leafPaths, stateName } from "./state-name.ts";

/** A state of a machine as the observer keeps it: made once, when the first actor enters it. */
export interface StateKind {
  readonly name: string;
  /** Dotted paths of the innermost active state nodes. */
  readonly paths: readonly string[];
  /** Time limits of the active state nodes, by node id; several only where states nest. */
  readonly limits: ReadonlyMap<string, number>;
  /** Those of them around the innermost ones, with their dotted paths, by node id. */
  readonly outer: ReadonlyMap<string, string>;
  readonly log: "debug" | "info" | "warn" | "error";
  /** Transitions to other states, by their name. */
  readonly left: Map<string, number>;
}

/** What all actors of one machine have in common. Grows with the machine's states and event types, never with its actors. */
export interface MachineKind {
  readonly name: string;
  readonly states: Map<string, StateKind>;
  /** Events that no state took, by type. */
  readonly ignored: Map<string, number>;
}

export function createMachineKind(name: string): MachineKind {
  return { name, states: new Map(), ignored: new Map() };
}

/** The kind of the snapshot's state. `getMeta` is only asked for a state never seen before. */
export function stateKindOf(machine: MachineKind, snapshot: AnyMachineSnapshot): StateKind {
  const name = stateName(snapshot.value);
  const known = machine.states.get(name);
  if (known !== undefined) return known;
  const metas = Object.entries(snapshot.getMeta() as Readonly<Record<string, StateMeta | undefined>>);
  const paths = leafPaths(snapshot.value);
  const limits = new Map(
    metas.flatMap(([node, meta]) => (typeof meta?.limit === "object" ? [[node, meta.limit.ms]] : [])),
  );
  const limited = [...limits.keys()].map((node) => [node, node.slice(machine.name.length + 1)] as const);
  const kind: StateKind = {
    name,
    paths,
    limits,
    outer: new Map(limited.filter(([, path]) => !paths.includes(path))),
    log: metas.map(([, meta]) => meta?.log).findLast((level) => level !== undefined) ?? "debug",
    left: new Map(),
  };
  machine.states.set(name, kind);
  return kind;
}

/** Event type as a label: ids of children and states cut off, so that the number of series is bounded. */
export function eventLabel(type: string): string {
  if (!type.startsWith("xstate.")) return type;
  const [, group = "", what = ""] = type.split(".");
  return group === "done" || group === "error" ? `xstate.${group}.${what}` : `xstate.${group}`;
}
