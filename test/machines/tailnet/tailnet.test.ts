import { describe, expect, test } from "vitest";
import type { StatusChanged, TailnetFact } from "../../../machines/tailnet/tailnet-events.ts";
import { tailnetMachine } from "../../../machines/tailnet/tailnet-machine.ts";
import { noTailnet } from "../../../src/domain/tailnet/tailnet-phase.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";
import {
  alone,
  inputOf,
  loggedOut,
  offline,
  online,
  peer,
  read,
  startTailnet,
} from "../../support/tailnet-harness.ts";
import { until } from "../../support/until.ts";

test("every transition of the tailnet machine can be taken", async () => {
  await walkAllTransitions(tailnetMachine, {
    input: inputOf(recorder<StatusChanged | TailnetFact>()),
    moreInputs: [{ ...inputOf(recorder<StatusChanged | TailnetFact>()), arrival: "restarted" }],
    events: [
      ...[noTailnet, online, alone, offline, loggedOut].map(read),
      read({ ...offline, loginError: "invalid pre auth key" }),
      { type: "login.unanswered" },
      { type: "peers.greeted" },
      { type: "peers.renewed", nodeIds: ["8"] },
      { type: "credentials.replaced" },
    ],
    outcomes: {
      checkPeers: { done: [true, false] },
    },
    stateKey: ({ context }) => [
      context.status.backendState,
      context.status.self.online,
      context.status.loginError,
      context.greetings > 0,
      context.arrival,
      context.seen,
      Object.keys(context.greeted).length,
      Math.min(context.silentChecks, 1),
    ],
  });
});

describe("tailnet", () => {
  test("adopted, it needs no ping and no login", async () => {
    const { at, say, told, greeted } = startTailnet();
    await at("examining");
    say(online);
    await at("up");
    expect(greeted).toEqual([]);
    expect(told()).toEqual(["tailscale.up"]);
  });

  test("after a start every online peer is pinged before it is up", async () => {
    const { at, say, told, greeted, actor } = startTailnet("restarted");
    await at("examining");
    say(online);
    await at("greeting");
    expect(greeted).toEqual(["100.64.0.2 0"]);
    expect(told()).toEqual([]);
    actor.send({ type: "peers.greeted" });
    await at("up");
    expect(told()).toEqual(["tailscale.up"]);
  });

  test.each([true, false])(
    "a newcomer is greeted once, also by an adopted tailscaled (adopted: %s)",
    async (adopted) => {
      const { at, say, greeted } = startTailnet(adopted ? "adopted" : "restarted");
      await at("examining");
      say(alone);
      await at("up");
      say(online);
      say(online);
      expect(greeted).toEqual(["100.64.0.2 300"]);
    },
  );

  test("nobody hears of the netmap before the paths are open", async () => {
    const { at, say, actor, statuses } = startTailnet("restarted");
    await at("examining");
    say(online);
    await at("greeting");
    expect(statuses()).not.toContain("Running");
    actor.send({ type: "peers.greeted" });
    await at("up");
    expect(statuses().at(-1)).toBe("Running");
  });

  test("after a login peers get time to find their path back", async () => {
    const { at, say, greeted } = startTailnet("restarted");
    await at("examining");
    say(loggedOut);
    await at("needsLogin");
    say(online);
    await at("greeting");
    expect(greeted).toEqual(["100.64.0.2 400"]);
  });

  test("says that the tailnet is down, and why, also if it was never up", async () => {
    const { at, say, told, reasons, clock } = startTailnet("restarted");
    await at("examining");
    say(noTailnet);
    await at("connecting");
    expect(told()).toEqual([]);
    clock.fire(5000);
    expect(reasons()).toEqual(["NOT_RUNNING"]);
    say(loggedOut);
    say(loggedOut);
    await at("needsLogin");
    expect(reasons()).toEqual(["NOT_RUNNING", "NEEDS_LOGIN"]);
  });

  test("logged out from the start, it says so at once", async () => {
    const { at, say, reasons } = startTailnet("restarted");
    await at("examining");
    say(loggedOut);
    await at("needsLogin");
    expect(reasons()).toEqual(["NEEDS_LOGIN"]);
  });

  test("peers that do not answer hold it up for 3 s and no longer", async () => {
    const { at, say, clock } = startTailnet("restarted");
    await at("examining");
    say(online);
    await at("greeting");
    clock.fire(3000);
    await at("up");
  });

  test("without control the data plane counts as up, and tailscaled is not touched", async () => {
    const { at, say, told, clock, counts } = startTailnet();
    await at("examining");
    say(online);
    await at("up");
    say(offline);
    await at("degraded");
    clock.fire(500);
    expect(counts).toMatchObject({ rejoins: 1 });
    expect(told()).toEqual(["tailscale.up"]);
    say(online);
    await at("up");
    expect(told()).toEqual(["tailscale.up"]);
  });

  test("adopted while control is away, it is up as well, and comes back with the others at the next tick", async () => {
    const { at, say, told, counts } = startTailnet();
    await at("examining");
    say({ ...offline, fresh: false });
    await at("degraded");
    expect(told()).toEqual(["tailscale.up"]);
    expect(counts.rejoins).toBe(1);
  });

  test("a known peer that restarted is greeted again, a stranger is not", async () => {
    const { at, say, greeted, actor } = startTailnet();
    await at("examining");
    actor.send({ type: "peers.renewed", nodeIds: ["8"] });
    say(online);
    await at("up");
    actor.send({ type: "peers.renewed", nodeIds: ["9", "8"] });
    expect(greeted).toEqual(["100.64.0.2 0"]);
  });

  test("back from an outage of control it greets its peers again, whether they are back or not", async () => {
    const { at, say, greeted } = startTailnet();
    await at("examining");
    say(online);
    await at("up");
    say(offline);
    await at("degraded");
    say({ ...online, peers: [{ ...peer, online: false }] });
    await at("up");
    expect(greeted).toEqual(["100.64.0.2 0"]);
  });

  test("it tells its parent once it knows where it stands", async () => {
    for (const [status, state] of [
      [alone, "up"],
      [offline, "degraded"],
      [loggedOut, "needsLogin"],
    ] as const) {
      const { at, say, parent } = startTailnet();
      await at("examining");
      expect(parent.types()).toEqual([]);
      say(status);
      await at(state);
      expect(parent.types()).toContain("session.settled");
    }
  });

  test("it ends with its tailscaled, and with that the login that it wanted", async () => {
    const { at, say, die, actor, logins } = startTailnet();
    await at("examining");
    say(loggedOut);
    await at("needsLogin");
    die();
    await until(() => actor.getSnapshot().status === "done", "the end");
    expect(logins().at(-1)).toEqual({ type: "tailscale.loginEnded" });
  });

  test("a peer that left the tailnet is forgotten, and a newcomer when it returns", async () => {
    const { at, say, actor, greeted } = startTailnet();
    await at("examining");
    say(online);
    await at("up");
    say(alone);
    expect(actor.getSnapshot().context.greeted).toEqual({});
    say(online);
    expect(greeted).toEqual(["100.64.0.2 300"]);
  });

  test("logged out, it reports itself down and comes back after the login", async () => {
    const { at, say, told, actor } = startTailnet();
    await at("examining");
    say(online);
    await at("up");
    say(loggedOut);
    await at("needsLogin");
    expect(told()).toEqual(["tailscale.up", "tailscale.down"]);
    say(online);
    await at("greeting");
    actor.send({ type: "peers.greeted" });
    await at("up");
  });

  test("no answer from any online peer twice in a row makes it ask Headscale anew", async () => {
    const { at, say, clock, counts, peersAnswer, actor } = startTailnet();
    await at("examining");
    say(online);
    await at("up");
    peersAnswer.value = false;
    const rests = (attempt: number) =>
      until(() => {
        const { context } = actor.getSnapshot();
        return actor.getSnapshot().matches({ up: "resting" }) && context.silentChecks === attempt;
      }, `${attempt} silent checks`);
    clock.fire(60_000);
    await rests(1);
    expect(counts.rechecks).toBe(0);
    clock.fire(60_000);
    await until(() => counts.rechecks === 1, "the recheck");
    await rests(0);
  });
});
