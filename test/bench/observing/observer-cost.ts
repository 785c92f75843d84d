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
import { createFeed } from "../../../src/observe/inspector/feed.ts";
import { createViewers } from "../../../src/observe/inspector/viewers.ts";
import { createLogger } from "../../../src/observe/logs/logger.ts";
import { createMachineObserver } from "../../../src/observe/machines/machine-observer.ts";

/**
 * What the machine observer costs per pod life, against no observer and against an inspector that does nothing.
 * The model has the shape of an ADD and a DEL: a root that spawns two requests and a pod into slots, each with one
 * promise, one timer and the messages between them. Usage: node test/bench/observing/observer-cost.ts [lives] [rounds]
 */
const noWork = fromPromise(async () => "done");
const limit = (ms: number) => ({ meta: { limit: { ms, means: "the kernel does not answer" } } });

const podModel = setup({ actors: { noWork }, delays: { limit: 10_000 } }).createMachine({
  id: "pod",
  initial: "planning",
  states: {
    planning: { ...limit(100), always: "attaching" },
    attaching: {
      ...limit(10_000),
      invoke: { src: "noWork", onDone: "attached", onError: "failed" },
      after: { limit: "failed" },
    },
    attached: { meta: { limit: "none", because: "a pod lives on" }, on: { "pod.detach": "detaching" } },
    detaching: {
      ...limit(10_000),
      invoke: { src: "noWork", onDone: "gone", onError: "failed" },
      after: { limit: "failed" },
    },
    gone: { type: "final" },
    failed: { type: "final" },
  },
});

const requestModel = setup({ actors: { noWork }, delays: { deadline: 10_000 } }).createMachine({
  id: "request",
  initial: "parsing",
  states: {
    parsing: { ...limit(100), always: "waiting" },
    waiting: { ...limit(10_000), on: { "pod.answered": "answering" }, after: { deadline: "answering" } },
    answering: { ...limit(1000), invoke: { src: "noWork", onDone: "answered", onError: "answered" } },
    answered: { type: "final" },
  },
});

type RootEvent = { type: "add" | "del" } | { type: `xstate.done.actor.${string}` };
interface RootContext {
  readonly done: number;
  readonly pod: AnyActorRef | undefined;
  readonly request: AnyActorRef | undefined;
}
const rootModel = setup({
  types: { context: {} as RootContext, events: {} as RootEvent },
  actors: { podModel, requestModel },
}).createMachine({
  id: "root",
  context: { done: 0, pod: undefined, request: undefined },
  on: {
    add: {
      actions: [
        assign(({ spawn }) => ({
          pod: spawn("podModel", { id: "pod-0" }),
          request: spawn("requestModel", { id: "request-0" }),
        })),
        sendTo(({ context, self }) => context.request ?? self, { type: "pod.answered" }),
      ],
    },
    del: { actions: sendTo(({ context, self }) => context.pod ?? self, { type: "pod.detach" }) },
    "xstate.done.actor.*": {
      actions: [
        stopChild(({ event }) => (event as unknown as { actorId: string }).actorId),
        assign({ done: ({ context }) => context.done + 1 }),
      ],
    },
  },
});

/** Microseconds of CPU per pod life. */
async function podLives(count: number, inspect: ((event: never) => void) | undefined): Promise<number> {
  const root = createActor(rootModel, inspect === undefined ? {} : { inspect: inspect as () => void });
  root.start();
  const before = process.cpuUsage();
  for (let life = 0; life < count; life++) {
    root.send({ type: "add" });
    while (root.getSnapshot().context.pod?.getSnapshot().value !== "attached") await Promise.resolve();
    root.send({ type: "del" });
    while (root.getSnapshot().context.done < 2 * (life + 1)) await Promise.resolve();
    // Timers run only between turns of the event loop: those of viewers' frames.
    if (life % 10 === 9) await new Promise((resolve) => setImmediate(resolve));
  }
  const { user, system } = process.cpuUsage(before);
  root.stop();
  return (user + system) / count;
}

const lives = Number(process.argv[2] ?? 2000);
const rounds = Number(process.argv[3] ?? 9);
const silent = { write: () => undefined };
const observed = (level: "info" | "debug") => () =>
  createMachineObserver({ log: createLogger({ level, base: {}, destination: silent }).log }).inspect as (
    event: never,
  ) => void;
/** The inspector as the daemon has it, with `viewers` that read everything. */
const inspected = (viewers: number) => () => {
  const { log, redact } = createLogger({ level: "info", base: {}, destination: silent });
  const feed = createFeed({
    daemon: { node: "n1", version: "0", pid: 1 },
    machines: { live: () => observer.live(), parentOf: (ref) => observer.parentOf(ref) },
    redact,
    broke: (error) => {
      throw error;
    },
  });
  const observer = createMachineObserver({ log, listener: feed.listener });
  const connection = {
    write: () => true,
    on: () => connection,
    writableLength: 0,
    destroy: () => connection,
  };
  const audience = createViewers(feed);
  for (let viewer = 0; viewer < viewers; viewer += 1) audience.add(connection as never);
  return ((event: InspectionEvent) => {
    observer.inspect(event);
    feed.inspect(event);
  }) as (event: never) => void;
};
const variants: Readonly<Record<string, () => ((event: never) => void) | undefined>> = {
  "no inspector": () => undefined,
  "inspector that does nothing": () => () => undefined,
  "observer, level info": observed("info"),
  "observer, level debug": observed("debug"),
  "observer and inspector": inspected(0),
  "the same with a viewer": inspected(1),
};
const samples = new Map<string, number[]>(Object.keys(variants).map((name) => [name, []]));
for (let round = 0; round <= rounds; round++)
  for (const [name, make] of Object.entries(variants)) {
    const cost = await podLives(lives, make());
    if (round > 0) samples.get(name)?.push(cost);
  }
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
const base = median(samples.get("no inspector") ?? []);
for (const [name, values] of samples)
  console.log(
    `${name.padEnd(30)} ${median(values).toFixed(1).padStart(7)} us per pod life, +${(median(values) - base).toFixed(1)} us`,
  );
