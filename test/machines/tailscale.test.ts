import { describe, expect, test } from "vitest";
import { tailscaleMachine } from "../../machines/tailscale/tailscale-machine.ts";
import type { TailscaleReport } from "../../machines/tailscale/tailscale-types.ts";
import { noTailnet } from "../../src/domain/tailnet-phase.ts";
import { recorder } from "../support/recorder.ts";
import {
  alone,
  inputOf,
  loggedOut,
  offline,
  online,
  peer,
  process,
  read,
  startTailscale,
  wireGone,
} from "../support/tailscale-desk.ts";
import { until } from "../support/until.ts";
import { walkAllTransitions } from "../support/walk-all-transitions.ts";

test("every transition of the tailscale machine can be taken", async () => {
  await walkAllTransitions(tailscaleMachine, {
    input: inputOf(recorder<TailscaleReport>()),
    moreInputs: [{ ...inputOf(recorder<TailscaleReport>()), launcher: "wire" }],
    events: [
      ...[noTailnet, online, alone, offline, loggedOut].map(read),
      read({ ...offline, loginError: "invalid pre auth key" }),
      { type: "login.unanswered" },
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
      context.status.loginError,
      context.greeting,
      context.arrival,
      context.seen,
      Object.keys(context.greeted).length,
      Math.min(context.attempt, 1),
    ],
  });
});

describe("tailscale", () => {
  test("adopts a running tailscaled: no start, no ping, no login", async () => {
    const { at, say, told, counts, greeted } = startTailscale(true);
    await at("attending.examining");
    say(online);
    await at("attending.up");
    expect(counts).toMatchObject({ starts: 0, reconciled: 1 });
    expect(greeted).toEqual([]);
    expect(told()).toEqual(["tailscale.up"]);
  });

  test("after a start every online peer is pinged before it is up", async () => {
    const { at, say, told, greeted, actor } = startTailscale(false);
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
      const { at, say, greeted } = startTailscale(adopted);
      await at("attending.examining");
      say(alone);
      await at("attending.up");
      say(online);
      say(online);
      expect(greeted).toEqual(["100.64.0.2 300"]);
    },
  );

  test("nobody hears of the netmap before the paths are open", async () => {
    const { at, say, actor, statuses } = startTailscale(false);
    await at("attending.examining");
    say(online);
    await at("attending.greeting");
    expect(statuses()).not.toContain("Running");
    actor.send({ type: "peers.greeted" });
    await at("attending.up");
    expect(statuses().at(-1)).toBe("Running");
  });

  test("after a login peers get time to find their path back", async () => {
    const { at, say, greeted } = startTailscale(false);
    await at("attending.examining");
    say(loggedOut);
    await at("attending.needsLogin");
    say(online);
    await at("attending.greeting");
    expect(greeted).toEqual(["100.64.0.2 400"]);
  });

  test("peers that do not answer hold it up for 3 s and no longer", async () => {
    const { at, say, clock } = startTailscale(false);
    await at("attending.examining");
    say(online);
    await at("attending.greeting");
    clock.fire(3000);
    await at("attending.up");
  });

  test("without control the data plane counts as up, and tailscaled is not touched", async () => {
    const { at, say, told, clock, counts } = startTailscale(true);
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
    const { at, say, told, counts } = startTailscale(true);
    await at("attending.examining");
    say({ ...offline, fresh: false });
    await at("attending.degraded");
    expect(told()).toEqual(["tailscale.up"]);
    expect(counts.rejoins).toBe(1);
  });

  test("a known peer that restarted is greeted again, a stranger is not", async () => {
    const { at, say, greeted, actor } = startTailscale(true);
    await at("attending.examining");
    actor.send({ type: "peers.renewed", nodeIds: ["8"] });
    say(online);
    await at("attending.up");
    actor.send({ type: "peers.renewed", nodeIds: ["9", "8"] });
    expect(greeted).toEqual(["100.64.0.2 again"]);
  });

  test("back from an outage of control it greets its peers again, whether they are back or not", async () => {
    const { at, say, greeted } = startTailscale(true);
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
    const { at, say, told, clock, die, counts } = startTailscale(true);
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
    const { at, say, told, actor } = startTailscale(true);
    await at("attending.examining");
    say(online);
    await at("attending.up");
    say(loggedOut);
    await at("attending.needsLogin");
    expect(told()).toEqual(["tailscale.up", "tailscale.down"]);
    say(online);
    await at("attending.greeting");
    actor.send({ type: "peers.greeted" });
    await at("attending.up");
  });

  test("no answer from any online peer twice in a row makes it ask Headscale anew", async () => {
    const { at, say, clock, counts, peersAnswer, actor } = startTailscale(true);
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
    const { at, say, told, actor } = startTailscale(true);
    await at("attending.examining");
    say(online);
    await at("attending.up");
    actor.send({ type: "tailscale.stop" });
    await until(() => actor.getSnapshot().status === "done", "the end");
    expect(told()).toEqual(["tailscale.up", "tailscale.down", "tailscale.stopped"]);
  });
});
