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

/** What is asked of XState for each event. */
export type Inspect = (event: InspectionEvent) => void;

/**
 * Microseconds of CPU per pod life. The model has the shape of an ADD and a DEL: a root that spawns two requests and a pod into slots, each
 * with one promise, one timer and the messages between them.
 */
export async function podLives(count: number, inspect: Inspect | undefined): Promise<number> {
  const root = createActor(rootModel, inspect === undefined ? {} : { inspect });
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
