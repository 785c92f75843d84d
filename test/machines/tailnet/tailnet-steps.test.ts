import { describe, expect, it } from "vitest";
import type { TailnetEvent, TailnetInput } from "../../../machines/tailnet/tailnet-events.ts";
import { tailnetMachine } from "../../../machines/tailnet/tailnet-machine.ts";
import { noTailnet } from "../../../src/domain/tailnet/tailnet-phase.ts";
import type { TailnetStatus } from "../../../src/domain/tailnet/tailnet-status.ts";
import {
  broken,
  brokenFailure,
  counted,
  drive,
  type Effect,
  recipient,
} from "../../support/machines/drive.ts";
import { loggedOut, offline, online, peer, read, wanted } from "../../support/tailnet-harness.ts";

const process = { pid: 42, startTime: "1000" };
const starting: TailnetStatus = { ...noTailnet, backendState: "Starting" };
const forgotten: TailnetStatus = { ...online, loginWanted: true };
const away: TailnetStatus = { ...offline, fresh: false };
const second = { ...peer, nodeId: "9", addresses: ["100.64.0.3"] };
const third = { ...peer, nodeId: "10", addresses: ["100.64.0.4"], online: false };

const settled = { to: "parent", type: "session.settled" };
const up = { to: "health", type: "tailscale.up" };
const restored = { to: "health", type: "control.restored" };
const lost = { to: "health", type: "control.lost" };
const loginEnded = { to: "health", type: "tailscale.loginEnded" };
const stopLogin = { stop: "login" };
const changed = (status: TailnetStatus) => ({ to: "routes", type: "tailnet.changed", status });
const down = (reason: string) => ({ to: "health", type: "tailscale.down", reason });
const loginWanted = (is: { readonly forgotten: boolean; readonly refusal: string }) => ({
  to: "health",
  type: "tailscale.loginWanted",
  ...is,
});
const greet = (addresses: readonly string[], settleMs: number, awaited: boolean) => ({
  to: "greeter",
  type: "peers.greet",
  addresses,
  settleMs,
  awaited,
});
const rejoin = { start: "rejoin", input: { hostname: "n1" } };
const checkPeers = { start: "checkPeers", input: { addresses: ["100.64.0.2"] } };
const login = {
  start: "login",
  input: { wanted, authKeyFrom: "credentials", headscale: "<headscale>", parent: "<tailnet>" },
};

function started(arrival: "adopted" | "restarted" = "adopted", node: TailnetInput["node"] = null) {
  const session = drive(tailnetMachine, {
    process,
    arrival,
    wanted,
    authKeyFrom: "credentials",
    headscale: recipient("headscale"),
    health: recipient("health"),
    routes: recipient("routes"),
    node,
    parent: recipient("parent"),
  });
  const first = session.start();
  return {
    ...session,
    first,
    say: (status: TailnetStatus) => session.send(read(status) satisfies TailnetEvent),
  };
}

function standing(status = online) {
  const session = started();
  session.say(status);
  return session;
}

function loggingIn() {
  const session = started();
  session.say(loggedOut);
  return session;
}

describe("with Kubernetes a session", () => {
  const joined = (nodeId: string) => ({ to: "node", type: "node.joined", nodeId });
  const told = (effects: readonly Effect[]) =>
    effects.filter((effect) => "to" in effect && effect.to === "node");
  const as = (nodeId: string, more: Partial<TailnetStatus["self"]> = {}) => ({
    ...online,
    self: { ...online.self, nodeId, ...more },
  });

  it("tells who this node is once Headscale says so, before paths to peers are open, and each change of it", () => {
    const { say } = started("restarted", recipient("node"));
    expect(told(say({ ...as("7", { online: false }), backendState: "Starting" }))).toEqual([]);
    expect(told(say(as("")))).toEqual([]);
    expect(told(say({ ...as("7"), peers: [peer] }))).toEqual([joined("7")]);
    expect(told(say(as("7")))).toEqual([]);
    expect(told(say(as("9", { online: false })))).toEqual([]);
    expect(told(say(as("9")))).toEqual([joined("9")]);
  });
});

describe("of peers a session", () => {
  it("remembers those of the netmap alone, however many came and went", () => {
    const { say, context } = standing({ ...online, peers: [peer] });
    for (let round = 0; round < 50; round += 1)
      say({
        ...online,
        peers: [{ ...peer, nodeId: String(1_000 + round), addresses: [`100.64.1.${round}`] }],
      });
    expect(Object.keys(context().greeted)).toEqual(["1049"]);
  });
});

describe("a session begins", () => {
  it("with the feed of its process and a greeter", () => {
    const { first, at } = started();
    expect(first).toEqual([
      { start: "feed", input: { process, wanted, parent: "<tailnet>" } },
      { start: "greeter" },
    ]);
    expect(at()).toBe("examining");
  });

  it("and stands at once where tailscaled was attended: its paths are open", () => {
    const { say, at, timers } = started();
    expect(say(online)).toEqual([restored, changed(online), up, settled]);
    expect(at()).toEqual({ up: "resting" });
    expect(timers()).toEqual([60_000]);
  });

  it("and tells of peers only once the paths to those that are online are open", () => {
    const { say, send, at, timers } = started("restarted");
    const status = { ...online, peers: [peer, third] };
    expect(say(status)).toEqual([restored, greet(["100.64.0.2"], 0, true)]);
    expect(at()).toBe("greeting");
    expect(timers()).toEqual([3_000]);
    expect(say(status)).toEqual([]);
    expect(send({ type: "peers.greeted" })).toEqual([changed(status), up, settled]);
    expect(at()).toEqual({ up: "resting" });
  });

  it("and waits 3 s at most for peers", () => {
    const { say, fire } = started("restarted");
    say(online);
    expect(fire(3_000)).toEqual([changed(online), up, settled]);
  });

  it("and says of a tailscaled without a word of control neither that it has it nor that it lost it", () => {
    const { say } = started();
    expect(say(noTailnet)).toEqual([changed(noTailnet)]);
    expect(say(starting)).toEqual([lost, changed(starting)]);
    expect(say(starting)).toEqual([changed(starting)]);
  });

  it("and has tailscaled ask anew when no netmap comes for 5 s", () => {
    const { say, fire, fail, timers, at, context } = started();
    say(starting);
    expect(at()).toEqual({ connecting: "awaiting" });
    expect(timers()).toEqual([5_000]);
    expect(fire(5_000)).toEqual([rejoin, down("NOT_RUNNING")]);
    expect(fail("rejoin", broken)).toEqual([counted()]);
    expect(at()).toEqual({ connecting: "awaiting" });
    expect(context().failure).toEqual(brokenFailure);
    expect(fire(5_000)).toEqual([rejoin]);
    expect(say(online)).toEqual([restored, { stop: "rejoin" }, changed(online), up, settled]);
    expect(context().failure).toBeNull();
  });
});

describe("a session that stands", () => {
  it("greets newcomers: those online are waited for, those offline not", () => {
    const { say, send, context } = standing();
    const status = { ...online, peers: [peer, second, third] };
    expect(say(status)).toEqual([
      changed(status),
      greet(["100.64.0.3"], 300, true),
      greet(["100.64.0.4"], 300, false),
    ]);
    expect(context().greetings).toBe(1);
    expect(send({ type: "peers.greeted" })).toEqual([]);
    expect(context().greetings).toBe(0);
    expect(say(status)).toEqual([changed(status)]);
  });

  it("greets again who restarted, and nobody else", () => {
    const { send } = standing();
    expect(send({ type: "peers.renewed", nodeIds: ["8"] })).toEqual([greet(["100.64.0.2"], 0, false)]);
    expect(send({ type: "peers.renewed", nodeIds: ["99"] })).toEqual([]);
  });

  it("asks its peers each minute, and Headscale when none answers for the second time", () => {
    const { fire, done, at, context } = standing();
    expect(fire(60_000)).toEqual([checkPeers]);
    done("checkPeers", false);
    expect(at()).toEqual({ up: "resting" });
    fire(60_000);
    done("checkPeers", true);
    expect(context().silentChecks).toBe(0);
    fire(60_000);
    done("checkPeers", false);
    expect(context().silentChecks).toBe(1);
    fire(60_000);
    expect(done("checkPeers", false)).toEqual([{ start: "recheck" }]);
    expect(at()).toEqual({ up: "rechecking" });
    done("recheck");
    expect(at()).toEqual({ up: "resting" });
    expect(context().silentChecks).toBe(0);
  });

  it("goes on when these looks fail, until one succeeds", () => {
    const { fire, done, fail, at, context } = standing();
    const failed = () => context().failure !== null;
    const stateAfter = (happen: () => unknown) => {
      happen();
      return [at(), failed()];
    };
    const resting = { up: "resting" };
    fire(60_000);
    expect(fail("checkPeers", broken)).toEqual([counted()]);
    expect([at(), failed()]).toEqual([resting, true]);
    fire(60_000);
    expect(stateAfter(() => done("checkPeers", true))).toEqual([resting, false]);
    fire(60_000);
    fail("checkPeers", broken);
    fire(60_000);
    expect(stateAfter(() => done("checkPeers", false))).toEqual([resting, false]);
    fire(60_000);
    done("checkPeers", false);
    expect(fail("recheck", broken)).toEqual([counted()]);
    expect([at(), failed()]).toEqual([resting, true]);
    fire(60_000);
    done("checkPeers", false);
    expect(stateAfter(() => done("recheck"))).toEqual([resting, false]);
  });

  it("is down when tailscaled starts anew", () => {
    const { say, at } = standing();
    expect(say(starting)).toEqual([lost, changed(starting), down("NOT_RUNNING")]);
    expect(at()).toEqual({ connecting: "awaiting" });
  });

  it("continues without a greeter, and ends with its feed", () => {
    const { fail, done, at, actor } = standing();
    expect(fail("greeter", broken)).toEqual([counted()]);
    expect(at()).toEqual({ up: "resting" });
    expect(done("feed")).toEqual([]);
    expect(at()).toBe("ended");
    expect(actor.getSnapshot().status).toBe("done");
    const other = standing();
    expect(other.fail("feed", broken)).toEqual([counted()]);
    expect(other.at()).toBe("ended");
  });
});

describe("without Headscale", () => {
  it("a session stays up, and has tailscaled come back after half a second; then it greets all", () => {
    const { say, fire, fail, timers, at, context } = standing();
    context();
    expect(say(offline)).toEqual([lost, changed(offline)]);
    expect(at()).toEqual({ degraded: "awaitingReconnect" });
    expect(timers()).toEqual([500]);
    expect(fire(500)).toEqual([rejoin]);
    expect(fail("rejoin", broken)).toEqual([counted()]);
    expect(at()).toEqual({ degraded: "awaitingReconnect" });
    fire(500);
    expect(say(online)).toEqual([
      restored,
      changed(online),
      { stop: "rejoin" },
      greet(["100.64.0.2"], 0, false),
      settled,
    ]);
    expect(context().failure).toBeNull();
  });

  it("an adopted tailscaled is to come back at once", () => {
    const { say, at } = started();
    expect(say(away)).toEqual([rejoin, lost, changed(away), up, settled]);
    expect(at()).toEqual({ degraded: "rejoining" });
    const restarted = started("restarted");
    restarted.say(away);
    restarted.fire(3_000);
    expect(restarted.at()).toEqual({ degraded: "awaitingReconnect" });
  });

  it("a session forgets silence, and is down when tailscaled starts anew", () => {
    const { say, fire, done, at, context } = standing();
    for (const status of [offline, starting]) {
      fire(60_000);
      done("checkPeers", false);
      expect(context().silentChecks).toBe(1);
      say(status);
      say(online);
      expect(context().silentChecks).toBe(0);
    }
    say(offline);
    const anew = { ...starting, fresh: true };
    expect(say(anew)).toEqual([changed(anew), down("NOT_RUNNING")]);
    expect(at()).toEqual({ connecting: "awaiting" });
  });

  it("a session may learn that it is forgotten", () => {
    const { say, at } = standing(offline);
    const unknown = { ...offline, loginWanted: true };
    expect(say(unknown)).toEqual([
      login,
      checkPeers,
      changed(unknown),
      settled,
      loginWanted({ forgotten: true, refusal: "" }),
    ]);
    expect(at()).toEqual({ needsLogin: "forgotten" });
  });
});

describe("a node that is not in the tailnet", () => {
  it("logs in, and says so", () => {
    const { say, at } = started();
    expect(say(loggedOut)).toEqual([
      login,
      lost,
      changed(loggedOut),
      settled,
      down("NEEDS_LOGIN"),
      loginWanted({ forgotten: false, refusal: "" }),
    ]);
    expect(at()).toEqual({ needsLogin: "outside" });
  });

  it("hands refusals and other credentials to the login, and goes on naming the last refusal", () => {
    const { say, send } = loggingIn();
    const refused = { ...loggedOut, loginError: "expired" };
    expect(say(refused)).toEqual([
      changed(refused),
      { to: "login", type: "login.refused", text: "expired" },
      loginWanted({ forgotten: false, refusal: "expired" }),
    ]);
    expect(say(loggedOut)).toEqual([
      changed(loggedOut),
      loginWanted({ forgotten: false, refusal: "expired" }),
    ]);
    expect(send({ type: "credentials.replaced" })).toEqual([{ to: "login", type: "credentials.replaced" }]);
  });

  it("greets all peers after it joined, those offline too, and has forgotten what was refused", () => {
    const { say, send } = loggingIn();
    say({ ...loggedOut, loginError: "expired" });
    const status = { ...online, peers: [peer, third] };
    expect(say(status)).toEqual([
      restored,
      loginWanted({ forgotten: true, refusal: "expired" }),
      loginEnded,
      stopLogin,
      greet(["100.64.0.2"], 400, true),
      greet(["100.64.0.4"], 400, false),
    ]);
    expect(send({ type: "peers.greeted" })).toEqual([changed(status), up, settled]);
    expect(say(loggedOut)).toContainEqual(loginWanted({ forgotten: false, refusal: "" }));
  });

  it("begins another login when one fails by mistake", () => {
    const { fail, at } = loggingIn();
    expect(fail("login", broken)).toEqual([
      login,
      loginEnded,
      counted(),
      settled,
      loginWanted({ forgotten: false, refusal: "" }),
    ]);
    expect(at()).toEqual({ needsLogin: "outside" });
  });
});

describe("a node that Headscale forgot", () => {
  it("is up as long as a peer answers, which it asks at once and each minute", () => {
    const { say, done, fail, fire, timers, at, context } = standing();
    expect(say(forgotten)).toEqual([
      login,
      checkPeers,
      changed(forgotten),
      settled,
      loginWanted({ forgotten: true, refusal: "" }),
    ]);
    expect(at()).toEqual({ needsLogin: "forgotten" });
    expect(timers()).toEqual([60_000]);
    expect(done("checkPeers", true)).toEqual([]);
    expect(fire(60_000)).toEqual([checkPeers, loginWanted({ forgotten: true, refusal: "" })]);
    expect(done("checkPeers", false)).toEqual([down("NEEDS_LOGIN")]);
    fire(60_000);
    expect(fail("checkPeers", broken)).toEqual([counted()]);
    expect(context().failure).toEqual(brokenFailure);
    fire(60_000);
    expect(done("checkPeers", true)).toEqual([changed(forgotten), up]);
    expect(context().failure).toBeNull();
    fire(60_000);
    fail("checkPeers", broken);
    fire(60_000);
    done("checkPeers", false);
    expect(context().failure).toBeNull();
  });

  it("joins once Headscale answers, and not while it is away", () => {
    const { say, at } = standing(forgotten);
    say(offline);
    expect(at()).toEqual({ needsLogin: "forgotten" });
    expect(say(online)).toContainEqual(greet(["100.64.0.2"], 400, true));
    expect(at()).toBe("greeting");
  });

  it("waits for Headscale like any other when that neither took nor refused it", () => {
    const { say, send, at } = standing(forgotten);
    expect(send({ type: "login.unanswered" })).toEqual([]);
    expect(at()).toEqual({ needsLogin: "forgotten" });
    say(offline);
    send({ type: "login.unanswered" });
    expect(at()).toEqual({ degraded: "awaitingReconnect" });
  });

  it("is outside once tailscaled gave up its key, and forgotten again when that is back", () => {
    const { say, at } = standing(forgotten);
    const asked = loginWanted({ forgotten: false, refusal: "" });
    expect(say(loggedOut)).toEqual([
      lost,
      changed(loggedOut),
      asked,
      { stop: "checkPeers" },
      down("NEEDS_LOGIN"),
      asked,
    ]);
    expect(at()).toEqual({ needsLogin: "outside" });
    say(forgotten);
    expect(at()).toEqual({ needsLogin: "forgotten" });
  });
});
