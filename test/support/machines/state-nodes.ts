import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from "xstate";

/** All state nodes of a machine, its root first, in the order they are written. */
export function stateNodes(machine: AnyStateMachine): readonly AnyStateNode[] {
  const collect = (node: AnyStateNode): AnyStateNode[] => [
    node,
    ...Object.values(node.states).flatMap(collect),
  ];
  return collect(machine.root);
}

/**
 * Every transition of a machine: `on`, `after`, `invoke` and `onDone` as well as `always`. Inert ones (`on: { x: {} }`,
 * which only keep an event from the parent state) are no transitions: nothing happens in them.
 */
export function allTransitions(machine: AnyStateMachine): readonly AnyTransitionDefinition[] {
  const inert = (transition: AnyTransitionDefinition) =>
    transition.target === undefined && transition.actions.length === 0 && !transition.reenter;
  return stateNodes(machine)
    .flatMap((node) => [...[...node.transitions.values()].flat(), ...(node.always ?? [])])
    .filter((transition) => !inert(transition));
}

/** A name that a person finds again in the machine's file: `pod.attaching on attach.failed [mayRetry] -> pod.detaching`. */
export function transitionName(transition: AnyTransitionDefinition): string {
  const guard = transition.guard === undefined ? "" : ` [${nameOf(transition.guard)}]`;
  const targets = transition.target?.map((target) => target.id).join(", ") ?? "stays";
  return `${transition.source.id} on ${transition.eventType || "always"}${guard} -> ${targets}`;
}

function nameOf(part: unknown): string {
  if (typeof part === "string") return part;
  if (typeof part === "function") return part.name || "inline";
  return String((part as { readonly type?: unknown }).type ?? "inline");
}
