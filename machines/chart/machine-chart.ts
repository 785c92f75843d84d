import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from "xstate";
import type { StateMeta } from "../support/state-limit.ts";

/** A machine as plain data: what diagrams and viewers draw. Paths are dotted, the root's path is "". */
export interface MachineChart {
  readonly machine: string;
  readonly states: readonly ChartState[];
  readonly edges: readonly ChartEdge[];
}

export interface ChartState {
  readonly path: string;
  readonly parent: string | null;
  readonly kind: "atomic" | "compound" | "parallel" | "final" | "history";
  /** Path of the initial child of a compound state. */
  readonly initial?: string;
  /** Names of the actors that run while the state is active. */
  readonly invokes: readonly string[];
  /** Milliseconds after which the state counts as stuck; null when it may last for ever. */
  readonly limitMs?: number | null;
  /** What the limit, or its absence, means to an operator. */
  readonly about?: string;
}

export interface ChartEdge {
  readonly from: string;
  /** Equal to `from` for a transition that stays. */
  readonly to: string;
  readonly kind: "event" | "after" | "done" | "failed" | "always";
  /** Event type, delay name or actor name. */
  readonly cause: string;
  readonly guard?: string;
  /** How long an `after` waits, where the machine says so with a number and does not compute it. */
  readonly delayMs?: number;
  /** False when the transition only runs actions. */
  readonly moves: boolean;
}

/** Reads the chart off the machine that runs, so a picture cannot disagree with it. */
export function machineChart(machine: AnyStateMachine): MachineChart {
  const nodes = [...walk(machine.root)];
  return {
    machine: machine.id,
    states: nodes.map(chartState),
    edges: nodes.flatMap((node) => transitionsOf(node).map((transition) => chartEdge(node, transition))),
  };
}

function* walk(node: AnyStateNode): Generator<AnyStateNode> {
  yield node;
  for (const child of Object.values(node.states)) yield* walk(child);
}

function pathOf(node: AnyStateNode): string {
  return node.path.join(".");
}

function chartState(node: AnyStateNode): ChartState {
  const [initial] = node.initial?.target ?? [];
  const meta: StateMeta | undefined = node.meta;
  return {
    path: pathOf(node),
    parent: node.parent === undefined ? null : pathOf(node.parent),
    kind: node.type,
    ...(node.type === "compound" && initial !== undefined && { initial: pathOf(initial) }),
    invokes: node.invoke.map(({ src }) => (typeof src === "string" ? src : "inline")),
    ...(meta !== undefined &&
      (meta.limit === "none"
        ? { limitMs: null, about: meta.because }
        : { limitMs: meta.limit.ms, about: meta.limit.means })),
  };
}

/** Every transition of the machine, in the order of its chart's edges. */
export function transitionsInOrder(machine: AnyStateMachine): readonly AnyTransitionDefinition[] {
  return [...walk(machine.root)].flatMap(transitionsOf);
}

function transitionsOf(node: AnyStateNode): readonly AnyTransitionDefinition[] {
  return [...[...node.transitions.values()].flat(), ...(node.always ?? [])];
}

function chartEdge(node: AnyStateNode, transition: AnyTransitionDefinition): ChartEdge {
  const from = pathOf(node);
  const [target] = transition.target ?? [];
  const guard = guardName(transition.guard);
  const cause = causeOf(node, transition.eventType);
  const delayMs = cause.kind === "after" ? node.machine.implementations.delays[cause.cause] : undefined;
  return {
    from,
    to: target === undefined ? from : pathOf(target),
    ...cause,
    ...(guard !== undefined && { guard }),
    ...(typeof delayMs === "number" && { delayMs }),
    moves: target !== undefined,
  };
}

export function causeOf(node: AnyStateNode, eventType: string): Pick<ChartEdge, "kind" | "cause"> {
  if (eventType === "") return { kind: "always", cause: "" };
  const [, prefix = "", rest = ""] =
    /^xstate\.(after|done\.actor|error\.actor|done\.state|snapshot)\.(.*)$/.exec(eventType) ?? [];
  if (prefix === "after") return { kind: "after", cause: rest.slice(0, rest.indexOf(`.${node.id}`)) };
  if (prefix === "") return { kind: "event", cause: eventType };
  const invoked = node.invoke.find(({ id }) => id === rest)?.src;
  const cause = typeof invoked === "string" ? invoked : rest === "*" ? "a child" : rest;
  return { kind: prefix === "error.actor" ? "failed" : "done", cause };
}

/** A named guard's name; composite ones (`not`, `and`, `or`) carry theirs in `guards`. */
export function guardName(guard: unknown): string | undefined {
  if (guard === undefined) return undefined;
  if (typeof guard === "string") return guard;
  if (typeof guard === "object" && guard !== null && "type" in guard) return String(guard.type);
  if (typeof guard !== "function") return "guard";
  const kind = guard.name === "" ? "inline" : guard.name;
  if (!("guards" in guard) || !Array.isArray(guard.guards)) return kind;
  return kind === "not" ? `not ${guardName(guard.guards[0])}` : guard.guards.map(guardName).join(` ${kind} `);
}
