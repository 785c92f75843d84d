import type { AnyStateMachine, AnyStateNode } from "xstate";
import { stateNodes } from "./state-nodes.ts";

/**
 * What machines/README.md asks of every machine, as sentences about what is missing; empty when all holds:
 * a limit in each waiting state, named delays that agree with it, `onError` (and `onDone`) on each invoke, and an
 * end for each spawned child.
 */
export function brokenRules(machine: AnyStateMachine): readonly string[] {
  return [
    ...stateNodes(machine).flatMap((node) => [
      ...limitRules(node),
      ...delayRules(node),
      ...invokeRules(node),
    ]),
    ...spawnRules(machine),
  ];
}

/** A leaf in which the machine can rest: only an event, a timer or an actor moves it on. */
function waits(node: AnyStateNode): boolean {
  if (node.type !== "atomic") return false;
  return !(node.always ?? []).some((transition) => transition.guard === undefined);
}

function limitRules(node: AnyStateNode): string[] {
  if (!waits(node)) return [];
  const meta = node.meta as { readonly limit?: unknown; readonly because?: unknown } | undefined;
  const limit = meta?.limit;
  if (limit === undefined) return [`${node.id} waits without a limit in its meta`];
  if (limit === "none")
    return isText(meta?.because) ? [] : [`${node.id} has no limit and does not say because`];
  const { ms, means } = limit as { readonly ms?: unknown; readonly means?: unknown };
  return typeof ms === "number" && ms > 0 && isText(means)
    ? []
    : [`${node.id} has a limit that is not { ms, means }`];
}

/**
 * Delays have names. Where a state has a limit too, its longest delay is that limit: a shorter one would leave before
 * the alarm could ever ring, a longer one would ring while all is well. Computed delays are not judged.
 */
function delayRules(node: AnyStateNode): string[] {
  const delays = node.after.map(({ delay }) => delay);
  const unnamed = delays
    .filter((delay) => typeof delay !== "string")
    .map((delay) => `${node.id} has an unnamed delay of ${String(delay)} ms`);
  const known = delays.map((delay) =>
    typeof delay === "string" ? node.machine.implementations.delays[delay] : delay,
  );
  const fixed = known.filter((delay) => typeof delay === "number");
  const { limit } = (node.meta ?? {}) as { readonly limit?: { readonly ms?: unknown } | "none" };
  if (limit === undefined || limit === "none" || fixed.length === 0 || fixed.length < known.length)
    return unnamed;
  const longest = Math.max(...fixed);
  return longest === limit.ms
    ? unnamed
    : [...unnamed, `${node.id} has a limit of ${String(limit.ms)} ms but leaves after ${longest} ms`];
}

function invokeRules(node: AnyStateNode): string[] {
  return node.invoke.flatMap(({ id, src }) => {
    const handled = (kind: string) => node.transitions.has(`xstate.${kind}.actor.${id}`);
    const missing = [
      ...(handled("error") ? [] : ["onError"]),
      ...(handled("done") || !canBeDone(node.machine, src) ? [] : ["onDone"]),
    ];
    return missing.map((name) => `${node.id} invokes "${String(src)}" without ${name}`);
  });
}

/** False for callback actors (marked by `notProvidedSource`) and for machines without a final state. */
function canBeDone(machine: AnyStateMachine, src: unknown): boolean {
  const logic = typeof src === "string" ? (machine.implementations.actors[src] as unknown) : src;
  const { neverDone, root } = (logic ?? {}) as { readonly neverDone?: boolean; readonly root?: AnyStateNode };
  if (root !== undefined) return Object.values(root.states).some((state) => state.type === "final");
  return neverDone !== true;
}

/** An actor in `setup` that no state invokes is spawned: then the machine must stop each child that ends, however it ends. */
function spawnRules(machine: AnyStateMachine): string[] {
  const invoked = new Set(stateNodes(machine).flatMap((node) => node.invoke.map((invoke) => invoke.src)));
  const spawned = Object.keys(machine.implementations.actors).filter((name) => !invoked.has(name));
  if (spawned.length === 0) return [];
  return ["done", "error"].flatMap((kind) => {
    const transitions = machine.root.transitions.get(`xstate.${kind}.actor.*`) ?? [];
    const stops =
      transitions.length > 0 &&
      transitions.every(({ actions }) => actions.some((action) => stopsChild(machine, action)));
    return stops
      ? []
      : [`${machine.id} spawns ${spawned.join(", ")} but no root "xstate.${kind}.actor.*" stops the child`];
  });
}

function stopsChild(machine: AnyStateMachine, action: unknown): boolean {
  const name = typeof action === "string" ? action : (action as { readonly type?: unknown }).type;
  const implementation: unknown =
    typeof action !== "function" && typeof name === "string" ? machine.implementations.actions[name] : action;
  const { type, collect } = (implementation ?? {}) as { readonly type?: unknown; readonly collect?: unknown };
  if (type === "xstate.stopChild") return true;
  return type === "xstate.enqueueActions" && String(collect).includes("stopChild");
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value.trim() !== "";
}
