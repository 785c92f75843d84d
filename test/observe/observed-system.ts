import {
  type AnyActorRef,
  assign,
  createActor,
  fromPromise,
  type InspectionEvent,
  sendTo,
  setup,
  stopChild,
} from "xstate";
import type { StateMeta } from "../../machines/support/state-limit.ts";
import { HeadcniError } from "../../src/domain/failure.ts";
import { createLogger, type LogLevel } from "../../src/observe/logs/logger.ts";
import { createMachineObserver, type ObserverOptions } from "../../src/observe/machines/machine-observer.ts";

type ChildEvent = "go" | "loop" | "end" | "crash" | "step" | "deeper" | "touch" | "break" | "giveUp";

const childModel = setup({
  types: {
    context: {} as { key: string; token: string; failure?: { code: string; message: string; token: string } },
    input: {} as { key: string },
    meta: {} as StateMeta,
    events: {} as { type: ChildEvent },
  },
  actors: {
    work: fromPromise(async () => undefined),
    breaks: fromPromise(async () => {
      throw new HeadcniError("no space left on /run/headcni", { code: "NO_SPACE" });
    }),
  },
  actions: {
    crash: () => {
      throw new Error("a bug");
    },
    nothing: () => undefined,
    giveUp: assign({ failure: { code: "TIMEOUT", message: "took too long", token: "context-secret" } }),
  },
}).createMachine({
  id: "child",
  context: ({ input }) => ({ key: input.key, token: "hskey-auth-context-secret" }),
  initial: "idle",
  on: { end: ".ended", crash: { actions: "crash" }, touch: { actions: "nothing" } },
  states: {
    idle: {
      meta: { limit: "none", because: "it waits" },
      on: { go: "passing", break: "breaking", giveUp: { target: "passing", actions: "giveUp" } },
    },
    breaking: { invoke: { src: "breaks", onError: "idle" } },
    passing: { always: "working" },
    working: {
      meta: { limit: { ms: 1000, means: "slow" }, log: "warn" },
      invoke: { src: "work" },
      on: { loop: { target: "working", reenter: true }, deeper: "nested" },
    },
    nested: {
      meta: { limit: { ms: 5000, means: "the whole is slow" } },
      initial: "first",
      states: {
        first: { meta: { limit: { ms: 3000, means: "slow" } }, on: { step: "second" } },
        second: { on: { step: "first", loop: { target: "second", reenter: true } } },
      },
    },
    ended: { type: "final" },
  },
});

type RootEvent =
  | { type: "spawn"; id: string }
  | { type: "stop"; id: string }
  | { type: "tell"; id: string; what: ChildEvent }
  | { type: `xstate.${"done" | "error"}.actor.${string}`; actorId: string };

const rootModel = setup({
  types: {
    context: {} as { refs: Record<string, AnyActorRef>; letGo: boolean },
    events: {} as RootEvent,
    input: {} as { letGo: boolean },
  },
  actors: { child: childModel },
}).createMachine({
  id: "root",
  context: ({ input }) => ({ refs: {}, letGo: input.letGo }),
  initial: "running",
  on: {
    spawn: {
      actions: assign({
        refs: ({ context, spawn, event }) => ({
          ...context.refs,
          [event.id]: spawn("child", { id: event.id, input: { key: `key of ${event.id}` } }),
        }),
      }),
    },
    stop: { actions: stopChild(({ event }) => event.id) },
    tell: {
      actions: sendTo(
        ({ context, event, self }) => context.refs[event.id] ?? self,
        ({ event }) => ({ type: event.what }),
      ),
    },
    "xstate.done.actor.*": { actions: stopChild(({ event }) => event.actorId) },
    "xstate.error.actor.*": [
      { guard: ({ context }) => context.letGo, actions: stopChild(({ event }) => event.actorId) },
      { actions: () => undefined },
    ],
  },
  states: { running: { meta: { limit: "none", because: "it runs" } } },
});

/** A root with children under observation, its log lines, and a clock the test moves. */
export function observedSystem(
  options: Partial<ObserverOptions> & {
    level?: LogLevel;
    letGo?: boolean;
    inspect?: (event: InspectionEvent) => void;
  } = {},
) {
  const lines: string[] = [];
  const clock = { now: 0 };
  const { log } = createLogger({
    level: options.level ?? "debug",
    base: {},
    destination: { write: (line) => lines.push(line) },
  });
  const observer = createMachineObserver({
    log,
    monotonicMs: () => clock.now,
    wallClockMs: () => 1_700_000_000_000 + clock.now,
    subjectOf: (machine, context) => (machine === "child" ? (context as { readonly key: string }).key : ""),
    ...options,
  });
  const root = createActor(rootModel, {
    id: "daemon",
    inspect: (event) => {
      observer.inspect(event);
      options.inspect?.(event);
    },
    input: { letGo: options.letGo ?? true },
  });
  root.subscribe({ error: () => undefined });
  root.start();
  const tell = (id: string, what: ChildEvent) => root.send({ type: "tell", id, what });
  return {
    observer,
    root,
    clock,
    tell,
    spawn: (id: string) => root.send({ type: "spawn", id }),
    stop: (id: string) => root.send({ type: "stop", id }),
    text: () => lines.join(""),
    logged: (message: string) =>
      lines
        .map((line): { readonly msg?: string; readonly [field: string]: unknown } => JSON.parse(line))
        .filter((line) => line.msg === message),
    row: (id: string) => observer.rows().find(({ actor }) => actor === id),
  };
}
