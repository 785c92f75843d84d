import { type AnyActorRef, type AnyStateMachine, createActor, type EventFrom, type InputFrom } from "xstate";
import { manualClock } from "./manual-clock.ts";
import { settledAtOnce } from "./settled-at-once.ts";

/**
 * What a machine did, as plain data in which an actor is "<its id>":
 * sent an event (`to`), started or stopped an actor, or emitted news.
 */
export type Effect =
  | { readonly to: string; readonly type: string; readonly [part: string]: unknown }
  | { readonly start: string; readonly input?: unknown }
  | { readonly stop: string }
  | { readonly emit: string; readonly [part: string]: unknown };

/**
 * Runs a machine step by step. Every actor of its set-up is a fake that ends when the test says so, and time stands until a
 * timer is fired. Each step gives all that the machine did in it, so that a test which compares the whole list notices an action
 * that is missing, and one too many.
 */
export function drive<Machine extends AnyStateMachine>(bare: Machine, input: InputFrom<Machine>) {
  const effects: Effect[] = [];
  const clock = manualClock();
  const errors: unknown[] = [];
  const fake = settledAtOnce({
    started: (child, given) => {
      const told = plain(given);
      effects.push(told === undefined ? { start: nameOf(child) } : { start: nameOf(child), input: told });
    },
    stopped: (child) => effects.push({ stop: nameOf(child) }),
  });
  const machine: AnyStateMachine = bare.provide({
    actors: Object.fromEntries(Object.keys(bare.implementations.actors).map((name) => [name, fake.logic])),
  });
  const actor = createActor(machine, {
    id: bare.id,
    input,
    clock,
    inspect: (inspected) => {
      if (inspected.type !== "@xstate.event" || inspected.sourceRef !== actor) return;
      const { type } = inspected.event;
      const to = inspected.actorRef as AnyActorRef;
      if (type.startsWith("xstate.")) return;
      effects.push({ to: nameOf(to), ...(plain(inspected.event) as { type: string }) });
    },
  });
  actor.subscribe({ error: (error) => errors.push(error) });
  actor.on("*", ({ type, ...parts }) => {
    effects.push({ emit: type, ...(plain(parts) as object) });
  });
  const step = (work: () => void): readonly Effect[] => {
    work();
    if (errors.length > 0) throw errors[0];
    const done = effects.splice(0);
    // A machine that ends takes its actors along.
    return actor.getSnapshot().status === "active" ? done : done.filter((effect) => !("stop" in effect));
  };
  return {
    actor,
    start: () => step(() => actor.start()),
    send: (event: EventFrom<Machine>) => step(() => actor.send(event)),
    /** Ends the actor of this name: the id that the machine gives it, or what it has in `setup`. */
    done: (name: string, output?: unknown) => step(() => fake.resolve(child(actor, name), output)),
    fail: (name: string, error: unknown) => step(() => fake.reject(child(actor, name), error)),
    /** Fires the timer of exactly this delay, in ms. */
    fire: (delayMs: number) =>
      step(() => {
        if (!clock.fire(delayMs))
          throw new Error(`no timer of ${delayMs} ms; running: ${clock.running().join(", ") || "none"}`);
      }),
    timers: () => clock.running(),
    at: () => actor.getSnapshot().value,
    context: () => actor.getSnapshot().context,
  };
}

/** A recipient for a machine's input; what it is sent shows as `{ to: id, ... }`. */
export function recipient(id: string) {
  return createActor(settledAtOnce({}).logic, { id }).start() as AnyActorRef;
}

/** XState numbers an invoked actor without an id, so that its `src` says more. */
function nameOf({ id, src }: AnyActorRef): string {
  return /^\d+\./.test(id) && typeof src === "string" ? src : id;
}

function child(actor: AnyActorRef, name: string): AnyActorRef {
  const children = Object.values(actor.getSnapshot().children as Record<string, AnyActorRef>);
  const found = children.find((other) => nameOf(other) === name);
  if (found === undefined)
    throw new Error(`no actor "${name}"; running: ${children.map(nameOf).join(", ") || "none"}`);
  return found;
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  if ("sessionId" in value && "send" in value) return `<${nameOf(value as AnyActorRef)}>`;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]));
}

/** What a fake fails with, as the failure that a machine makes of it, and the news that counts it. */
export const broken = new Error("broken");
export const brokenFailure = { code: "UNEXPECTED", message: "broken" };
export function counted(
  failure: { readonly code: string; readonly message: string } = brokenFailure,
): Effect {
  return { emit: "failure.occurred", failure };
}
