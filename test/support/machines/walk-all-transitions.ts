import { expect } from "vitest";
import {
  type AnyActorRef,
  type AnyEventObject,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type AnyTransitionDefinition,
  createActor,
  type EventFrom,
  type InputFrom,
} from "xstate";
import { TestModel } from "xstate/graph";
import { type Edge, keptFailures, lastFailure } from "./kept-failures.ts";
import { type ManualClock, manualClock } from "./manual-clock.ts";
import { settledAtOnce } from "./settled-at-once.ts";
import { allTransitions, transitionName } from "./state-nodes.ts";

/** How an actor of the machine may end. Default: once with `undefined`, once with an error. */
export interface Outcomes {
  readonly done?: readonly unknown[];
  readonly error?: readonly unknown[];
}

export interface WalkOptions<Machine extends AnyStateMachine> {
  readonly input: InputFrom<Machine>;
  /** Further inputs to start from, where the first steps depend on it. */
  readonly moreInputs?: readonly InputFrom<Machine>[];
  /** The machine's own events with their payloads, several of one type where guards tell them apart. */
  readonly events:
    | readonly EventFrom<Machine>[]
    | ((snapshot: AnyMachineSnapshot) => readonly EventFrom<Machine>[]);
  /** How actors end, by the name (`src`) they have in `setup`; ends and timers need not be listed in `events`. */
  readonly outcomes?: Readonly<Record<string, Outcomes>>;
  /** What of a context tells two states apart. Default: all of it; leave out counters and times or the walk never ends. */
  readonly stateKey?: (snapshot: AnyMachineSnapshot) => unknown;
  /** Keeps out events that cannot happen in a state. */
  readonly possible?: (snapshot: AnyMachineSnapshot, event: AnyEventObject) => boolean;
  /** Why the machine may keep failures that seem over to `keptFailures`. */
  readonly keepsFailures?: string;
  /** Most edges to look at (default 20,000). */
  readonly limit?: number;
}

/** An event and the state it leads to. */
interface Step {
  readonly event: AnyEventObject;
  readonly state: AnyMachineSnapshot;
}

/**
 * Walks a machine through all of its transitions, on a live actor: every actor it invokes or spawns is a mock that
 * settles on command, time stands still until a timer is fired. The paths come from the model (`xstate/graph`); after
 * each step the live actor must be where the model is. Fails naming each transition that was never taken, and each failure that
 * the model keeps in its context though it is over.
 */
export async function walkAllTransitions<Machine extends AnyStateMachine>(
  bare: Machine,
  options: WalkOptions<Machine>,
): Promise<{ readonly states: number; readonly paths: number }> {
  const mocks = settledAtOnce({});
  const names = Object.keys(bare.implementations.actors);
  const machine: AnyStateMachine = bare.provide({
    actors: Object.fromEntries(names.map((name) => [name, mocks.logic])),
  });
  const endless = new Set(names.filter((name) => isEndless(bare.implementations.actors[name])));
  const open = new Set<AnyTransitionDefinition>(allTransitions(machine));
  const total = { states: 0, paths: 0 };
  for (const input of [options.input, ...(options.moreInputs ?? [])]) {
    const modelBy = (serializeState: (snapshot: AnyMachineSnapshot) => string) =>
      new TestModel<AnyMachineSnapshot, AnyEventObject, unknown>(machine, {
        input,
        events: (snapshot) => possibleEvents(snapshot, options, endless),
        filterEvents: (snapshot, event) =>
          snapshot.status === "active" &&
          snapshot.can(event) &&
          (options.possible?.(snapshot, event) ?? true),
        serializeState,
        limit: options.limit ?? 20_000,
        logger: { log: () => undefined, error: () => undefined },
      });
    const model = modelBy((snapshot) => keyOf(snapshot, options));
    const withFailure = (snapshot: AnyMachineSnapshot) =>
      `${keyOf(snapshot, options)} ${lastFailure(snapshot)}`;
    const kept =
      options.keepsFailures === undefined ? keptFailures(edgesOf(modelBy(withFailure)), withFailure) : [];
    if (kept.length > 0) throw new Error(`"${machine.id}" keeps failures that are over:\n${kept.join("\n")}`);
    const walked = await walkModel(model, machine, options, open, () =>
      liveActor(machine, input, mocks, open),
    );
    total.states += walked.states;
    total.paths += walked.paths;
  }
  if (open.size > 0)
    throw new Error(`no path of "${machine.id}" takes:\n${[...open].map(transitionName).join("\n")}`);
  return total;
}

/** Takes every edge of the model that may show a transition still in `open`, each on an actor of its own. */
async function walkModel<Machine extends AnyStateMachine>(
  model: TestModel<AnyMachineSnapshot, AnyEventObject, unknown>,
  machine: AnyStateMachine,
  options: WalkOptions<Machine>,
  open: ReadonlySet<AnyTransitionDefinition>,
  start: () => ReturnType<typeof liveActor>,
): Promise<{ readonly states: number; readonly paths: number }> {
  let paths = 0;
  const walk = async (steps: Step[], state: AnyMachineSnapshot) => {
    paths += 1;
    const live = start();
    const events = Object.fromEntries(steps.map(({ event }) => [event.type, live.take]));
    await model.testPath({ state, steps, weight: steps.length }, { events, states: { "*": live.mustBeAt } });
    live.stop();
  };
  const shortest = model.getShortestPaths({ allowDuplicatePaths: true });
  const pathTo = new Map(shortest.map((path) => [keyOf(path.state, options), path]));
  for (const { state, transitions } of Object.values(model.getAdjacencyMap())) {
    const path = pathTo.get(keyOf(state, options));
    if (path === undefined) continue;
    const edges: readonly Step[] = Object.values(transitions);
    for (const { event, state: next } of edges) {
      const fresh = machine.getTransitionData(state, event).some((transition) => open.has(transition));
      // `always` and raised events show only when taken, so with nothing else left every edge is tried.
      if (fresh || hasHidden(open)) await walk([...path.steps, { state: next, event }], next);
    }
    if (edges.length === 0 && hasHidden(open)) await walk([...path.steps], state);
  }
  return { states: pathTo.size, paths };
}

function edgesOf(model: TestModel<AnyMachineSnapshot, AnyEventObject, unknown>): Edge[] {
  return Object.values(model.getAdjacencyMap()).flatMap(({ state: from, transitions }) =>
    Object.values<Step>(transitions).map(({ event, state: to }) => ({ from, event, to })),
  );
}

function isEndless(logic: unknown): boolean {
  return (logic as { readonly neverDone?: boolean } | undefined)?.neverDone === true;
}

function keyOf<Machine extends AnyStateMachine>(
  snapshot: AnyMachineSnapshot,
  options: WalkOptions<Machine>,
): string {
  const told = options.stateKey === undefined ? snapshot.context : options.stateKey(snapshot);
  return JSON.stringify([snapshot.value, snapshot.status, Object.keys(snapshot.children).sort(), told]);
}

function hasHidden(open: ReadonlySet<AnyTransitionDefinition>): boolean {
  return [...open].some(
    (transition) => transition.eventType === "" || transition.eventType.startsWith("xstate.done.state."),
  );
}

/** The test's own events, plus an end of every child actor and every timer of the states the machine is in. */
function possibleEvents<Machine extends AnyStateMachine>(
  snapshot: AnyMachineSnapshot,
  options: WalkOptions<Machine>,
  endless: ReadonlySet<string>,
): AnyEventObject[] {
  const own = typeof options.events === "function" ? options.events(snapshot) : options.events;
  const ends = Object.entries(snapshot.children).flatMap(([id, child]) => {
    const src = (child as { readonly src?: unknown } | undefined)?.src;
    const outcomes: Outcomes = (typeof src === "string" ? options.outcomes?.[src] : undefined) ?? {};
    const done = outcomes.done ?? (typeof src === "string" && endless.has(src) ? [] : [undefined]);
    const error = outcomes.error ?? [new Error(`mock of "${String(src)}" failed`)];
    return [
      ...done.map((output) => ({ type: `xstate.done.actor.${id}`, output, actorId: id })),
      ...error.map((error) => ({
        type: `xstate.error.actor.${id}`,
        error,
        actorId: id,
        text: String(error),
      })),
    ];
  });
  const timers = snapshot._nodes.flatMap((node) => node.after.map(({ eventType }) => ({ type: eventType })));
  return [...own, ...ends, ...timers];
}

function liveActor(
  machine: AnyStateMachine,
  input: unknown,
  mocks: ReturnType<typeof settledAtOnce>,
  open: Set<AnyTransitionDefinition>,
) {
  const clock = manualClock();
  const errors: unknown[] = [];
  const actor = createActor(machine, {
    input,
    clock,
    inspect: (event) => {
      if (event.type !== "@xstate.microstep" || event.rootId !== event.actorRef.sessionId) return;
      for (const transition of event._transitions) open.delete(transition);
    },
  });
  actor.subscribe({ error: (error) => errors.push(error) });
  return {
    take: ({ event }: { event: AnyEventObject }) => {
      const { actorId, output, error } = event;
      if (event.type === "xstate.init") actor.start();
      else if (event.type.startsWith("xstate.done.actor.")) mocks.resolve(childOf(actor, actorId), output);
      else if (event.type.startsWith("xstate.error.actor.")) mocks.reject(childOf(actor, actorId), error);
      else if (event.type.startsWith("xstate.after.")) fireTimer(clock, actor.getSnapshot(), event);
      else actor.send(event);
    },
    mustBeAt: (state: AnyMachineSnapshot) => {
      if (errors.length > 0) throw errors[0];
      const { value, status } = actor.getSnapshot();
      expect({ value, status }).toEqual({ value: state.value, status: state.status });
    },
    stop: () => actor.stop(),
  };
}

function childOf(actor: AnyActorRef, id: string): AnyActorRef {
  const children = actor.getSnapshot().children as Record<string, AnyActorRef | undefined>;
  const child = children[id];
  if (child === undefined)
    throw new Error(`no actor "${id}" is running; running: ${Object.keys(children).join(", ") || "none"}`);
  return child;
}

function fireTimer(clock: ManualClock, snapshot: AnyMachineSnapshot, event: AnyEventObject): void {
  const transition = snapshot._nodes
    .flatMap((node) => node.after)
    .find(({ eventType }) => eventType === event.type);
  const delay = transition?.delay;
  const implementation = typeof delay === "string" ? snapshot.machine.implementations.delays[delay] : delay;
  const args = { context: snapshot.context, event } as Parameters<
    Extract<typeof implementation, (...args: never) => unknown>
  >[0];
  const delayMs = typeof implementation === "function" ? implementation(args, undefined) : implementation;
  if (typeof delayMs !== "number" || !clock.fire(delayMs))
    throw new Error(
      `timer "${event.type}" (${String(delayMs)} ms) does not run; running: ${clock.running().join(", ")}`,
    );
}
