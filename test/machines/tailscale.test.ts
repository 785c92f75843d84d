import { describe, expect, test } from "vitest";
import { createActor, fromCallback, fromPromise } from "xstate";
import type { HeadscaleEvent } from "../../machines/headscale/headscale-jobs.ts";
import { tailscaleMachine } from "../../machines/tailscale/tailscale-machine.ts";
import type {
  GreeterEvent,
  TailscaledIdentity,
  TailscaleEvent,
  TailscaleReport,
  WantedTailnet,
} from "../../machines/tailscale/tailscale-types.ts";
import { noTailnet } from "../../src/domain/tailnet-phase.ts";
import type { TailnetPeer, TailnetStatus } from "../../src/domain/tailnet-status.ts";
import { type ManualClock, manualClock } from "../support/manual-clock.ts";
import { recorder } from "../support/recorder.ts";
import { settledOnCommand } from "../support/settled-on-command.ts";
import { until } from "../support/until.ts";
import { walkAllTransitions } from "../support/walk-all-transitions.ts";

const process: TailscaledIdentity = { pid: 42, startTime: "1000" };
const wanted: WantedTailnet = {
  controlUrl: "http://10.99.0.1:8080",
  hostname: "n1",
  advertiseRoutes: ["10.244.1.0/24"],
};
const peer: TailnetPeer = {
  nodeId: "8",
  hostName: "n2",
  online: true,
  addresses: ["100.64.0.2"],
  primaryRoutes: ["10.244.2.0/24"],
  currentAddress: "",
  relay: "",
};
const self = {
  nodeId: "7",
  hostName: "n1",
  online: true,
  addresses: ["100.64.0.1"],
  primaryRoutes: ["10.244.1.0/24"],
};
const online: TailnetStatus = { ...noTailnet, backendState: "Running", self, peers: [peer], fresh: true };
const alone: TailnetStatus = { ...online, peers: [] };
const offline: TailnetStatus = { ...online, self: { ...self, online: false } };
const loggedOut: TailnetStatus = { ...noTailnet, backendState: "NeedsLogin" };
const wireGone = { code: "WIRE_GONE", message: "headcni-wire is gone" };
const tailscaledAway = { code: "TAILSCALED_AWAY", message: "tailscaled does not answer" };
const read = (status: TailnetStatus) => ({ type: "tailnet.read", status }) as const;

function inputOf(parent: ReturnType<typeof recorder<TailscaleReport>>) {
  return {
    wanted,
    authKeyFrom: "credentials" as const,
    launcher: "daemon" as const,
    headscale: recorder<HeadscaleEvent>().ref,
    parent: parent.ref,
  };
}

test("every transition of the tailscale machine can be taken", async () => {
  await walkAllTransitions(tailscaleMachine, {
    input: inputOf(recorder<TailscaleReport>()),
    moreInputs: [{ ...inputOf(recorder<TailscaleReport>()), launcher: "wire" }],
    events: [
      ...[noTailnet, online, alone, offline, loggedOut].map(read),
      { type: "peers.greeted" },
      { type: "peers.renewed", nodeIds: ["8"] },
      { type: "credentials.replaced" },
      { type: "tailscale.stop" },
      { type: "wire.found", process },
      { type: "wire.found", process: { ...process, attended: false } },
      { type: "wire.missed", failure: wireGone },
    ],
    outcomes: {
      find: { done: [undefined, process] },
      start: { done: [process] },
      checkPeers: { done: [true, false] },
    },
    stateKey: ({ context }) => [
      context.status.backendState,
      context.status.self.online,
      context.greeting,
      context.arrival,
      context.seen,
      Object.keys(context.greeted).length,
      Math.min(context.attempt, 1),
    ],
  });
});

function fireAll(clock: ManualClock): void {
  for (const delayMs of clock.running()) clock.fire(delayMs);
}

/** The tailscale machine over a tailscaled that is there already (`running`) or not; effects are settled by the test. */
function start(running: boolean, launcher: "daemon" | "wire" = "daemon") {
  const parent = recorder<TailscaleReport>();
  const greeted: string[] = [];
  const counts = { seeks: 0, entered: 0, starts: 0, reconciled: 0, rejoins: 0, rechecks: 0 };
  const alive = { process: running ? process : undefined };
  const peersAnswer = { value: true };
  const feeds = settledOnCommand();
  let feedId = "";
  const clock = manualClock();
  const forEver = new Promise<never>(() => undefined);
  const actor = createActor(
    tailscaleMachine.provide({
      actors: {
        find: fromPromise<TailscaledIdentity | undefined, void>(async () => alive.process),
        start: fromPromise<TailscaledIdentity, void>(async () => {
          counts.starts += 1;
          alive.process = { pid: 42 + counts.starts, startTime: "2000" };
          return alive.process;
        }),
        seekWire: fromCallback<TailscaleEvent, undefined>(() => {
          counts.seeks += 1;
        }),
        enter: fromPromise<void, void>(async () => {
          counts.entered += 1;
        }),
        reconcile: fromPromise<void, { readonly wanted: WantedTailnet }>(async () => {
          counts.reconciled += 1;
        }),
        // The machines it invokes have tests of their own.
        feed: feeds.logic as never,
        login: fromPromise(() => forEver) as never,
        greeter: fromCallback<GreeterEvent, undefined>(({ receive }) => {
          receive((event) => {
            const how = event.type === "peers.greet" ? event.settleMs : "again";
            greeted.push(...event.addresses.map((address) => `${address} ${how}`));
          });
        }),
        checkPeers: fromPromise<boolean, { readonly addresses: readonly string[] }>(
          async () => peersAnswer.value,
        ),
        recheck: fromPromise<void, void>(async () => {
          counts.rechecks += 1;
        }),
        rejoin: fromPromise<void, void>(() => {
          counts.rejoins += 1;
          return forEver;
        }),
        stop: fromPromise<void, void>(async () => {
          alive.process = undefined;
        }),
      },
    }),
    { input: { ...inputOf(parent), launcher }, clock },
  );
  actor.subscribe((snapshot) => {
    feedId = Object.keys(snapshot.children).find((id) => feeds.running().includes(id)) ?? feedId;
  });
  actor.start();
  const at = (state: string) => {
    const [outer = "", inner] = state.split(".");
    const value = inner === undefined ? outer : { [outer]: inner };
    return until(() => actor.getSnapshot().matches(value as never), state);
  };
  return {
    actor,
    clock,
    counts,
    greeted,
    peersAnswer,
    at,
    statuses: () =>
      parent.events.flatMap((event) =>
        event.type === "tailscale.changed" ? [event.status.backendState] : [],
      ),
    told: () => parent.types().filter((type) => type !== "tailscale.changed"),
    say: (status: TailnetStatus) => actor.send(read(status) satisfies TailscaleEvent),
    die: () => {
      alive.process = undefined;
      feeds.resolve(feedId, undefined);
    },
  };
}

describe("tailscale", () => {
  test("adopts a running tailscaled: no start, no ping, no login", async () => {
    const { at, say, told, counts, greeted } = start(true);
    await at("attending.examining");
    say(online);
    await at("attending.up");
    expect(counts).toMatchObject({ starts: 0, reconciled: 1 });
    expect(greeted).toEqual([]);
    expect(told()).toEqual(["tailscale.up"]);
  });

  test("after a start every online peer is pinged before it is up", async () => {
    const { at, say, told, greeted, actor } = start(false);
    await at("attending.examining");
    say(online);
    await at("attending.greeting");
    expect(greeted).toEqual(["100.64.0.2 0"]);
    expect(told()).toEqual(["tailscale.started"]);
    actor.send({ type: "peers.greeted" });
    await at("attending.up");
    expect(told()).toEqual(["tailscale.started", "tailscale.up"]);
  });

  test.each([true, false])(
    "a newcomer is greeted once, also by an adopted tailscaled (adopted: %s)",
    async (adopted) => {
      const { at, say, greeted } = start(adopted);
      await at("attending.examining");
      say(alone);
      await at("attending.up");
      say(online);
      say(online);
      expect(greeted).toEqual(["100.64.0.2 300"]);
    },
  );

  test("nobody hears of the netmap before the paths are open", async () => {
    const { at, say, actor, statuses } = start(false);
    await at("attending.examining");
    say(online);
    await at("attending.greeting");
    expect(statuses()).not.toContain("Running");
    actor.send({ type: "peers.greeted" });
    await at("attending.up");
    expect(statuses().at(-1)).toBe("Running");
  });

  test("after a login peers get time to find their path back", async () => {
    const { at, say, greeted } = start(false);
    await at("attending.examining");
    say(loggedOut);
    await at("attending.needsLogin");
    say(online);
    await at("attending.greeting");
    expect(greeted).toEqual(["100.64.0.2 400"]);
  });

  test("peers that do not answer hold it up for 3 s and no longer", async () => {
    const { at, say, clock } = start(false);
    await at("attending.examining");
    say(online);
    await at("attending.greeting");
    clock.fire(3000);
    await at("attending.up");
  });

  test("without control the data plane counts as up, and tailscaled is not touched", async () => {
    const { at, say, told, clock, counts } = start(true);
    await at("attending.examining");
    say(online);
    await at("attending.up");
    say(offline);
    await at("attending.degraded");
    clock.fire(500);
    expect(counts).toMatchObject({ rejoins: 1, starts: 0 });
    expect(told()).toEqual(["tailscale.up"]);
    say(online);
    await at("attending.up");
    expect(told()).toEqual(["tailscale.up"]);
  });

  test("adopted while control is away, it is up as well, and comes back with the others at the next tick", async () => {
    const { at, say, told, counts } = start(true);
    await at("attending.examining");
    say({ ...offline, fresh: false });
    await at("attending.degraded");
    expect(told()).toEqual(["tailscale.up"]);
    expect(counts.rejoins).toBe(1);
  });

  test("a known peer that restarted is greeted again, a stranger is not", async () => {
    const { at, say, greeted, actor } = start(true);
    await at("attending.examining");
    actor.send({ type: "peers.renewed", nodeIds: ["8"] });
    say(online);
    await at("attending.up");
    actor.send({ type: "peers.renewed", nodeIds: ["9", "8"] });
    expect(greeted).toEqual(["100.64.0.2 again"]);
  });

  test("back from an outage of control it greets its peers again, whether they are back or not", async () => {
    const { at, say, greeted } = start(true);
    await at("attending.examining");
    say(online);
    await at("attending.up");
    say(offline);
    await at("attending.degraded");
    say({ ...online, peers: [{ ...peer, online: false }] });
    await at("attending.up");
    expect(greeted).toEqual(["100.64.0.2 again"]);
  });

  test("a dead tailscaled is started again within 100 ms, one that dies before it was up waits longer", async () => {
    const { at, say, told, clock, die, counts } = start(true);
    await at("attending.examining");
    say(online);
    await at("attending.up");
    die();
    await at("restarting");
    const [first = 0] = clock.running();
    expect(first).toBeLessThanOrEqual(100);
    clock.fire(first);
    await at("attending.examining");
    expect(counts.starts).toBe(1);
    expect(told()).toEqual(["tailscale.up", "tailscale.down", "tailscale.started"]);
    die();
    await at("restarting");
    const [second = 0] = clock.running();
    expect(second).toBeGreaterThanOrEqual(100);
  });

  test("logged out, it reports itself down and comes back after the login", async () => {
    const { at, say, told } = start(true);
    await at("attending.examining");
    say(online);
    await at("attending.up");
    say(loggedOut);
    await at("attending.needsLogin");
    expect(told()).toEqual(["tailscale.up", "tailscale.down"]);
    say(online);
    await at("attending.up");
  });

  test("a node that Headscale asks to log in although it runs was deleted there", async () => {
    const { at, say } = start(true);
    await at("attending.examining");
    say(online);
    await at("attending.up");
    say({ ...offline, loginWanted: true });
    await at("attending.needsLogin");
  });

  test("no answer from any online peer twice in a row makes it ask Headscale anew", async () => {
    const { at, say, clock, counts, peersAnswer, actor } = start(true);
    await at("attending.examining");
    say(online);
    await at("attending.up");
    peersAnswer.value = false;
    const rests = (attempt: number) =>
      until(() => {
        const { context } = actor.getSnapshot();
        return actor.getSnapshot().matches({ attending: { up: "resting" } }) && context.attempt === attempt;
      }, `${attempt} silent checks`);
    clock.fire(60_000);
    await rests(1);
    expect(counts.rechecks).toBe(0);
    clock.fire(60_000);
    await until(() => counts.rechecks === 1, "the recheck");
    await rests(0);
  });

  test("asked to stop, it ends tailscaled and says so", async () => {
    const { at, say, told, actor } = start(true);
    await at("attending.examining");
    say(online);
    await at("attending.up");
    actor.send({ type: "tailscale.stop" });
    await until(() => actor.getSnapshot().status === "done", "the end");
    expect(told()).toEqual(["tailscale.up", "tailscale.down", "tailscale.stopped"]);
  });
});

describe("tailscale with headcni-wire", () => {
  test("enters the namespace of a wire that runs and adopts its tailscaled", async () => {
    const { at, say, told, counts, greeted } = start(true, "wire");
    await at("attending.examining");
    say(online);
    await at("attending.up");
    expect(counts).toMatchObject({ starts: 0, seeks: 0, entered: 1 });
    expect(greeted).toEqual([]);
    expect(told()).toEqual(["tailscale.entered", "tailscale.up"]);
  });

  test("waits for a wire that is not there, says why, and never starts tailscaled", async () => {
    const { at, actor, told, counts, greeted, say } = start(false, "wire");
    await at("awaitingWire");
    actor.send({ type: "wire.missed", failure: wireGone });
    expect(told()).toEqual(["tailscale.down", "tailscale.left"]);
    expect(actor.getSnapshot().context.failure).toEqual(wireGone);
    actor.send({ type: "wire.found", process: { ...process, attended: false } });
    await at("attending.examining");
    say(online);
    await at("attending.greeting");
    expect(counts).toMatchObject({ starts: 0, seeks: 1, entered: 1 });
    expect(greeted).toEqual(["100.64.0.2 0"]);
  });

  test("keeps the namespace while only tailscaled is away, and opens paths to peers after its return", async () => {
    const { at, actor, die, say, told, clock, greeted } = start(true, "wire");
    await at("attending.examining");
    say(online);
    await at("attending.up");
    die();
    await at("restarting");
    fireAll(clock);
    await at("awaitingWire");
    actor.send({ type: "wire.missed", failure: tailscaledAway });
    expect(told()).toEqual(["tailscale.entered", "tailscale.up", "tailscale.down", "tailscale.down"]);
    actor.send({ type: "wire.found", process: { pid: 77, startTime: "3000", attended: false } });
    await at("attending.examining");
    say(online);
    await at("attending.greeting");
    expect(greeted).toEqual(["100.64.0.2 0"]);
  });
});
