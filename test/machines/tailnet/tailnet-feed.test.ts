import { describe, expect, test } from "vitest";
import { createActor, fromCallback, fromPromise } from "xstate";
import type {
  BusChange,
  TailnetEvent,
  TailscaledIdentity,
  WantedTailnet,
} from "../../../machines/tailnet/tailnet-events.ts";
import { type ReadTailnet, tailnetFeedMachine } from "../../../machines/tailnet/tailnet-feed-machine.ts";
import { noTailnet } from "../../../src/domain/tailnet/tailnet-phase.ts";
import { pulseOf } from "../../../src/domain/tailnet/tailnet-status.ts";
import { createLogger } from "../../../src/observe/logs/logger.ts";
import { createMachineObserver } from "../../../src/observe/machines/machine-observer.ts";
import { manualClock } from "../../support/machines/manual-clock.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";
import { until } from "../../support/until.ts";

const process: TailscaledIdentity = { pid: 42, startTime: "1000" };
const wanted: WantedTailnet = { controlUrl: "http://hs", hostname: "n1", advertiseRoutes: [] };
type BusEvent = BusChange | { type: "bus.closed" };
const change = (prefs: boolean, ...renewed: string[]): BusChange => ({ type: "bus.changed", prefs, renewed });

test("every transition of the tailnet feed machine can be taken", async () => {
  await walkAllTransitions(tailnetFeedMachine, {
    input: { process, wanted, parent: recorder<TailnetEvent>().ref },
    events: [change(true, "8"), { type: "bus.closed" }],
    outcomes: {
      read: {
        done: [
          { status: noTailnet, process },
          { status: noTailnet, process: undefined },
        ],
      },
      pulse: { done: [pulseOf(noTailnet), "Running true false"] },
      find: { done: [process, { pid: 43, startTime: "1000" }, undefined] },
    },
  });
});

function start() {
  const parent = recorder<TailnetEvent>();
  const clock = manualClock();
  const reads: (WantedTailnet | undefined)[] = [];
  const alive: { process: TailscaledIdentity | undefined } = { process };
  const buses = { opened: 0 };
  const answers = { value: true };
  const pulse = { asked: 0, says: async () => pulseOf(noTailnet) };
  const now = { ms: 0 };
  const { log } = createLogger({ level: "error", base: {}, destination: { write: () => undefined } });
  const observer = createMachineObserver({ log, monotonicMs: () => now.ms });
  let bus: (event: BusEvent) => void = () => undefined;
  const actor = createActor(
    tailnetFeedMachine.provide({
      actors: {
        bus: fromCallback<BusEvent, undefined>(({ sendBack }) => {
          buses.opened += 1;
          bus = sendBack;
        }),
        read: fromPromise<ReadTailnet, { readonly wanted?: WantedTailnet }>(async ({ input }) => {
          reads.push(input.wanted);
          if (!answers.value) throw new Error("tailscaled refused GET status: 500");
          return { status: noTailnet, process: alive.process };
        }),
        pulse: fromPromise<string, void>(() => {
          pulse.asked += 1;
          return pulse.says();
        }),
        find: fromPromise<TailscaledIdentity | undefined, void>(async () => alive.process),
      },
    }),
    { input: { process, wanted, parent: parent.ref }, clock, inspect: observer.inspect },
  ).start();
  const rests = () => until(() => actor.getSnapshot().matches({ open: "resting" }), "rest");
  const tell = (event: BusEvent) => bus(event);
  return { actor, clock, reads, alive, answers, pulse, now, observer, buses, rests, tell, parent };
}

describe("tailnet feed", () => {
  test("reads once for a burst of hints", async () => {
    const { rests, tell, clock, reads, parent } = start();
    await rests();
    for (let hint = 0; hint < 50; hint += 1) tell(change(false));
    expect(clock.running()).toEqual([100]);
    clock.fire(100);
    await rests();
    expect(reads.length).toBe(2);
    expect(parent.types()).toEqual(["tailnet.read", "tailnet.read"]);
  });

  test("puts preferences right at first and when somebody may have changed them, and only then", async () => {
    const { rests, tell, clock, reads } = start();
    await rests();
    tell(change(false));
    clock.fire(100);
    await rests();
    tell(change(true));
    tell(change(false));
    clock.fire(100);
    await rests();
    tell(change(false));
    clock.fire(100);
    await rests();
    expect(reads).toEqual([wanted, undefined, wanted, undefined]);
  });

  test("preferences that could not be put right are tried again", async () => {
    const { rests, tell, clock, reads, answers, actor } = start();
    await rests();
    answers.value = false;
    tell(change(true));
    clock.fire(100);
    await until(() => actor.getSnapshot().matches({ open: { looking: "backingOff" } }), "the pause");
    expect(actor.getSnapshot().context.failure?.message).toBe("tailscaled refused GET status: 500");
    answers.value = true;
    clock.fire(500);
    await rests();
    expect(reads.slice(1)).toEqual([wanted, wanted]);
    expect(actor.getSnapshot().context.failure).toBeNull();
  });

  test("what another tailscaled answers is not told, and ends it", async () => {
    const { rests, tell, clock, alive, parent, actor } = start();
    await rests();
    alive.process = { pid: 43, startTime: "2000" };
    tell(change(false));
    clock.fire(100);
    await until(() => actor.getSnapshot().status === "done", "the end");
    expect(parent.types()).toEqual(["tailnet.read"]);
  });

  test("peers that restarted are told at once, before the status is read again", async () => {
    const { rests, tell, parent } = start();
    await rests();
    tell(change(false, "8", "9"));
    expect(parent.events.at(-1)).toEqual({ type: "peers.renewed", nodeIds: ["8", "9"] });
  });

  test("a tailscaled that answers with errors on and on is stuck, until it answers", async () => {
    const { rests, tell, clock, actor, answers, now, observer } = start();
    await rests();
    answers.value = false;
    tell(change(false));
    clock.fire(100);
    for (let attempt = 0; attempt < 4; attempt += 1) {
      await until(() => actor.getSnapshot().matches({ open: { looking: "backingOff" } }), "the pause");
      now.ms += 10_000;
      clock.fire(500);
    }
    expect(observer.states()).toMatchObject([
      { stuck: true, outer: [{ state: "open.looking", sinceMs: 40_000, limitMs: 30_000 }] },
    ]);
    answers.value = true;
    await until(() => actor.getSnapshot().matches({ open: { looking: "backingOff" } }), "the pause");
    clock.fire(500);
    await rests();
    expect(observer.states()).toMatchObject([{ stuck: false }]);
  });

  test("a status that changes without a hint is read within two seconds, and an unchanged one is not", async () => {
    const { rests, clock, reads, pulse } = start();
    await rests();
    for (const asked of [1, 2, 3]) {
      clock.fire(2000);
      await until(() => pulse.asked === asked, `pulse ${asked}`);
    }
    expect(reads.length).toBe(1);
    pulse.says = async () => "Running false false";
    clock.fire(2000);
    await until(() => reads.length === 2, "the look");
    await rests();
    expect(pulse.asked).toBe(4);
  });

  test("a tailscaled that falls silent behind its open bus is looked at", async () => {
    const { rests, clock, reads, pulse } = start();
    await rests();
    pulse.says = () => Promise.reject(new Error("silent"));
    clock.fire(2000);
    await until(() => reads.length === 2, "the look");
    await rests();
    expect(pulse.asked).toBe(1);
  });

  test("a bus that ends while tailscaled lives is opened again", async () => {
    const { rests, tell, clock, buses, actor } = start();
    await rests();
    tell({ type: "bus.closed" });
    await until(() => actor.getSnapshot().matches("reopening"), "reopening");
    clock.fire(200);
    await rests();
    expect(buses.opened).toBe(2);
  });

  test("a bus that ends with tailscaled ends the feed", async () => {
    const { rests, tell, alive, actor } = start();
    await rests();
    alive.process = { pid: 42, startTime: "9999" };
    tell({ type: "bus.closed" });
    await until(() => actor.getSnapshot().status === "done", "the end");
  });
});
