import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from "xstate";
import { causeOf, guardName } from "../machines/chart/machine-chart.ts";

/** Plain JSON. */
type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };

/**
 * The machine as a configuration without code, which XState's `createMachine` and Stately Studio take: states, transitions,
 * guards, actions, delays and actors by their names, limits in `meta`.
 */
export function statelyConfig(machine: AnyStateMachine): Json {
  return { id: machine.id, ...stateConfig(machine.root) };
}

function stateConfig(node: AnyStateNode): { readonly [key: string]: Json | undefined } {
  const transitions = [...node.transitions].flatMap(([, list]) => list);
  const invoked = new Set(node.invoke.map(({ id }) => id));
  const ofInvokes = transitions.filter(({ eventType }) => invokeOf(eventType, invoked) !== undefined);
  const afters = transitions.filter(({ eventType }) => eventType.startsWith("xstate.after."));
  const onDone = transitions.filter(({ eventType }) => eventType.startsWith("xstate.done.state."));
  const apart = new Set([...ofInvokes, ...afters, ...onDone]);
  const [initial] = node.initial?.target ?? [];
  const children = Object.entries(node.states);
  return {
    ...(node.type !== "atomic" && node.type !== "compound" && { type: node.type }),
    ...(node.type === "compound" && initial !== undefined && { initial: initial.key }),
    ...(typeof node.meta?.limit === "object" && { description: String(node.meta.limit.means) }),
    ...(typeof node.meta?.because === "string" && { description: node.meta.because }),
    ...(node.meta !== undefined && { meta: plain(node.meta) }),
    ...(node.entry.length > 0 && { entry: node.entry.map(actionName) }),
    ...(node.exit.length > 0 && { exit: node.exit.map(actionName) }),
    ...(node.invoke.length > 0 && {
      invoke: node.invoke.map(({ id, src }) => ({
        id,
        src: typeof src === "string" ? src : "inline",
        ...handlers("onDone", ofInvokes, `xstate.done.actor.${id}`),
        ...handlers("onError", ofInvokes, `xstate.error.actor.${id}`),
      })),
    }),
    ...byCause(
      "on",
      transitions.filter((each) => !apart.has(each)),
      ({ eventType }) => eventType,
    ),
    ...byCause("after", afters, ({ eventType }) => causeOf(node, eventType).cause),
    ...(onDone.length > 0 && { onDone: onDone.map(transitionConfig) }),
    ...((node.always ?? []).length > 0 && { always: (node.always ?? []).map(transitionConfig) }),
    ...(children.length > 0 && {
      states: Object.fromEntries(children.map(([key, child]) => [key, stateConfig(child)])),
    }),
  };
}

function invokeOf(eventType: string, invoked: ReadonlySet<string>): string | undefined {
  const [, id] = /^xstate\.(?:done|error)\.actor\.(.*)$/.exec(eventType) ?? [];
  return id !== undefined && invoked.has(id) ? id : undefined;
}

function handlers(
  name: string,
  transitions: readonly AnyTransitionDefinition[],
  eventType: string,
): { readonly [key: string]: Json } {
  const own = transitions.filter((each) => each.eventType === eventType);
  return own.length === 0 ? {} : { [name]: own.map(transitionConfig) };
}

function byCause(
  name: string,
  transitions: readonly AnyTransitionDefinition[],
  cause: (transition: AnyTransitionDefinition) => string,
): { readonly [key: string]: Json } {
  const groups = Object.entries(Object.groupBy(transitions, cause));
  if (groups.length === 0) return {};
  return { [name]: Object.fromEntries(groups.map(([key, list = []]) => [key, list.map(transitionConfig)])) };
}

function transitionConfig(transition: AnyTransitionDefinition): Json {
  const guard = guardName(transition.guard);
  const targets = (transition.target ?? []).map(({ id }) => `#${id}`);
  return {
    ...(targets.length === 1 && { target: targets[0] ?? "" }),
    ...(targets.length > 1 && { target: targets }),
    ...(guard !== undefined && { guard }),
    ...(transition.actions.length > 0 && { actions: transition.actions.map(actionName) }),
    ...(transition.reenter && { reenter: true }),
  };
}

function actionName(action: unknown): string {
  if (typeof action === "string") return action;
  if (typeof action === "function") return action.name === "" ? "inline" : action.name;
  return String((action as { readonly type?: unknown }).type);
}

function plain(value: unknown): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}
