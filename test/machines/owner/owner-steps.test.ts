import { describe, expect, it } from "vitest";
import { ownerMachine } from "../../../machines/owner/owner-machine.ts";
import { backoffDelay } from "../../../src/domain/backoff.ts";
import { HeadcniError } from "../../../src/domain/failure.ts";
import type { OwnerFacts } from "../../../src/domain/owner/owner-facts.ts";
import { noTailnet } from "../../../src/domain/tailnet/tailnet-phase.ts";
import { broken, brokenFailure, counted, drive, recipient } from "../../support/machines/drive.ts";
import { facts, terms } from "../../support/owner-harness.ts";

const wanted = { controlUrl: "http://10.99.0.1:8080", hostname: "n1", advertiseRoutes: ["10.244.1.0/24"] };
const found = { pid: 42, startTime: "1000", attended: true };
const process = { pid: 42, startTime: "1000" };
const seek = { start: "seek" };
const feed = { start: "feed", input: { process, parent: "<owner>" } };
const enter = (changes = {}) => ({ start: "enter", input: { terms: { ...terms, ...changes } } });
const edit = { start: "edit", input: { prefixes: ["10.244.1.0/24"] } };
const ask = { start: "recheck" };
const offered = { to: "guard", type: "tailnetNamespace.opened", replyTo: "<owner>" };
const loginOver = { to: "health", type: "tailscale.loginEnded" };
const noStatus = { to: "routes", type: "tailnet.changed", status: noTailnet };
const exited = [loginOver, { to: "health", type: "tailscale.down", reason: "EXITED" }, noStatus];
const edited = {
  preferences: { ...facts.preferences, routes: ["192.168.7.0/24", "10.244.1.0/24"], acceptsRoutes: true },
  record: { routes: ["10.244.1.0/24"], acceptsRoutes: true },
};
const read = (changes: Partial<OwnerFacts> = {}) =>
  ({ type: "owner.read", facts: { ...facts, ...changes }, settled: true }) as const;
const restart = (failures: number) => backoffDelay(failures, { firstMs: 100, maxMs: 30_000 }, "n1");

function session(arrival: "adopted" | "restarted", authKeyFrom = "owner") {
  const refs = {
    headscale: "<headscale>",
    health: "<health>",
    routes: "<routes>",
    node: null,
    parent: "<owner>",
  };
  return { start: "tailnet", input: { process, arrival, wanted, authKeyFrom, ...refs } };
}

function started(authKeyFrom: "owner" | "credentials" = "owner") {
  const owner = drive(ownerMachine, {
    wanted,
    authKeyFrom,
    mtu: 1280,
    headscale: recipient("headscale"),
    health: recipient("health"),
    guard: recipient("guard"),
    routes: recipient("routes"),
    node: null,
  });
  const preferences = () =>
    (owner.at() as { found: { attending: { preferences: string } } }).found.attending.preferences;
  return { ...owner, preferences, first: owner.start() };
}

/** Its first look told this. */
function seen(changes: Partial<OwnerFacts> = {}) {
  const owner = started();
  owner.done("seek", found);
  owner.send(read(changes));
  return owner;
}

/** The guard holds, and nothing was edited yet. */
function editing() {
  const owner = seen();
  owner.done("enter", terms);
  owner.send({ type: "tailnetNamespace.held" });
  return owner;
}

/** All that is ours stands. */
function kept() {
  const owner = editing();
  owner.done("edit", edited);
  owner.done("recheck");
  owner.fire(1_000);
  return owner;
}

describe("the owner's tailscaled", () => {
  it.each([
    [true, "adopted"],
    [false, "restarted"],
  ] as const)("gets a session and edits once the guard holds (attended before: %s)", (attended, arrival) => {
    const { first, done, send, at, preferences, timers, fire } = started();
    expect(first).toEqual([seek, { to: "guard", type: "tailnetNamespace.closed" }]);
    expect(done("seek", { ...found, attended })).toEqual([feed]);
    expect(at()).toEqual({ found: "examining" });
    expect(send(read())).toEqual([session(arrival), enter()]);
    expect(at()).toEqual({ found: { attending: { session: "awaitingTailnet", preferences: "entering" } } });
    expect(done("enter", terms)).toEqual([offered]);
    expect(preferences()).toBe("awaitingGuard");
    // No limit lets it go on without the guard.
    expect(timers()).toEqual([]);
    expect(send({ type: "tailnetNamespace.held" })).toEqual([edit]);
    expect(done("edit", edited)).toEqual([ask]);
    expect(preferences()).toBe("asking");
    expect(done("recheck")).toEqual([]);
    expect(preferences()).toBe("resting");
    expect(fire(1_000)).toEqual([]);
    expect(preferences()).toBe("kept");
  });

  it("that is as it must be gets no edit", () => {
    const { done, send, preferences } = seen(edited);
    done("enter", terms);
    expect(send({ type: "tailnetNamespace.held" })).toEqual([]);
    expect(preferences()).toBe("kept");
  });

  it("gets ours again when its owner drops it, and what he has beside it is left", () => {
    const { send, preferences, done } = kept();
    expect(send(read({ ...edited, shieldsUp: false }))).toEqual([]);
    expect(send({ ...read(), settled: false })).toEqual([edit]);
    done("edit", edited);
    done("recheck");
    // Somebody who undoes it again and again gets no more than one a second.
    expect(send(read())).toEqual([]);
    expect(preferences()).toBe("resting");
  });

  it("gets nothing while it has no profile, nor an interface with an address", () => {
    const { done, send, preferences } = seen({ terms: null, backendState: "Starting" });
    expect(preferences()).toBe("awaitingInterface");
    expect(send(read({ profileId: "" }))).toEqual([enter()]);
    done("enter", terms);
    expect(send({ type: "tailnetNamespace.held" })).toEqual([]);
    expect(preferences()).toBe("kept");
    expect(send(read({ terms: null }))).toEqual([]);
    expect(preferences()).toBe("awaitingInterface");
    expect(send(read())).toEqual([edit]);
  });

  it("has its terms told to the guard again when they change, also while the guard has not answered", () => {
    const { send, done, preferences } = seen();
    done("enter", terms);
    const others = { terms: { ...terms, confineTable52: "none" } } as const;
    expect(send(read(others))).toEqual([enter({ confineTable52: "none" })]);
    expect(done("enter", others.terms)).toEqual([offered]);
    send({ type: "tailnetNamespace.held" });
    done("edit", edited);
    done("recheck");
    send(read({ ...edited, terms }));
    expect(preferences()).toBe("resting");
  });

  it("is not edited anew before the guard holds with other terms", () => {
    const { send, done } = kept();
    expect(send(read({ terms: { ...terms, magicDns: true } }))).toEqual([enter({ magicDns: true })]);
    expect(done("enter", { ...terms, magicDns: true })).toEqual([offered]);
    expect(send({ type: "tailnetNamespace.held" })).toEqual([edit]);
  });

  it("is tried again 5 s after it did not take an edit, or the terms were not written down", () => {
    const { fail, timers, fire, context, preferences, done } = editing();
    expect(fail("edit", broken)).toEqual([counted()]);
    expect(preferences()).toBe("backingOff");
    expect(context().failure).toEqual(brokenFailure);
    expect(timers()).toEqual([5_000]);
    expect(fire(5_000)).toEqual([edit]);
    done("edit", edited);
    done("recheck");
    expect(context().failure).toBeNull();
    const other = seen();
    expect(other.fail("enter", broken)).toEqual([counted()]);
    expect(other.fire(5_000)).toEqual([enter()]);
  });
});

describe("a node without a unit for the boot", () => {
  const unguarded = new HeadcniError("no unit", { code: "NO_BOOT_UNIT" });

  it("accepts no routes, says so, and is asked again every 5 s", () => {
    const { fail, fire, preferences, done } = editing();
    expect(fail("edit", unguarded)).toEqual([counted({ code: "NO_BOOT_UNIT", message: "no unit" })]);
    expect(preferences()).toBe("awaitingBootUnit");
    expect(fire(5_000)).toEqual([edit]);
    expect(done("edit", edited)).toEqual([ask]);
  });

  it("is told on /ready, also where routes are accepted already", () => {
    const { send } = kept();
    const words = expect.stringContaining("headcni-guard.service");
    expect(send(read({ ...edited, guardedAtBoot: false }))).toEqual([
      { to: "health", type: "owner.judged", words },
    ]);
  });
});

describe("what Headscale serves", () => {
  it("is asked for again 5 s after that failed, without another edit", () => {
    const { done, fail, fire, timers, preferences, send, context } = editing();
    done("edit", edited);
    expect(fail("recheck", broken)).toEqual([counted()]);
    expect(timers()).toEqual([5_000]);
    // The bus has told of the edit meanwhile.
    expect(send(read(edited))).toEqual([]);
    expect(fire(5_000)).toEqual([ask]);
    expect(done("recheck")).toEqual([]);
    expect(preferences()).toBe("resting");
    expect(context().failure).toBeNull();
    expect(fire(1_000)).toEqual([]);
    expect(preferences()).toBe("kept");
  });

  it("is asked for where the edit was made and its answer lost, and where the owner stopped it in between", () => {
    const { fail, fire, send, done } = editing();
    fail("edit", broken);
    send(read(edited));
    expect(fire(5_000)).toEqual([ask]);
    send(read({ ...edited, backendState: "Stopped" }));
    expect(send(read(edited))).toEqual([session("adopted"), ask]);
    expect(done("recheck")).toEqual([]);
  });
});

describe("what its owner does", () => {
  it.each([
    ["tooOld", { version: "1.98.4" }, "1.98.4"],
    ["withoutInterface", { tun: false }, "userspace-networking"],
    ["loggedOut", { backendState: "NeedsLogin" }, "not logged in"],
    ["stopped", { backendState: "Stopped" }, "`tailscale up`"],
    ["appConnector", { preferences: { ...facts.preferences, appConnector: true } }, "app connector"],
  ] as const)("is the state %s, which ends when he puts it right", (state, changes, words) => {
    const { send, at } = kept();
    expect(send(read(changes))).toEqual([
      loginOver,
      noStatus,
      { stop: "tailnet" },
      { to: "health", type: "tailscale.down", reason: expect.stringContaining(words) },
    ]);
    expect(at()).toEqual({ found: { hindered: state } });
    expect(send(read(changes))).toEqual([]);
    // The guard's terms are those it holds already, and ours is there still.
    expect(send(read(edited))).toEqual([session("adopted")]);
  });

  it("may change from one hindrance to another", () => {
    // Its interface has no address then.
    const { send, at } = seen({ backendState: "Stopped", terms: null });
    expect(at()).toEqual({ found: { hindered: "stopped" } });
    expect(send(read({ backendState: "NeedsLogin", terms: null }))).toMatchObject([
      { type: "tailscale.down" },
    ]);
    expect(at()).toEqual({ found: { hindered: "loggedOut" } });
  });

  it("in another tailnet is told to the guard, whose rules would keep that one's routes from the node", () => {
    const { send, done, fail, fire, at } = kept();
    const elsewhere = read({
      controlUrl: "https://hs.example",
      terms: { ...terms, confineTable52: "none" },
    });
    const told = { confineTable52: "none", elsewhere: true } as const;
    expect(send(elsewhere)).toEqual([
      enter(told),
      loginOver,
      noStatus,
      { stop: "tailnet" },
      { to: "health", type: "tailscale.down", reason: expect.stringContaining("https://hs.example") },
    ]);
    expect(fail("enter", broken)).toEqual([counted()]);
    expect(at()).toEqual({ found: { hindered: "untold" } });
    expect(fire(5_000)).toContainEqual(enter(told));
    expect(done("enter", { ...terms, ...told })).toContainEqual(offered);
    expect(at()).toEqual({ found: { hindered: "elsewhere" } });
    // Back again the guard has to hold with what is then, before anything is edited.
    expect(send(read())).toEqual([session("adopted"), enter()]);
    expect(done("enter", terms)).toEqual([offered]);
    expect(send({ type: "tailnetNamespace.held" })).toEqual([edit]);
  });

  it("in another tailnet is told to the guard for its routes alone, whatever else is wrong with it", () => {
    const { send, at } = kept();
    const other = { controlUrl: "https://hs.example", version: "1.98.4" };
    expect(send(read(other))).toContainEqual(enter({ elsewhere: true }));
    expect(at()).toEqual({ found: { hindered: "telling" } });
  });

  it("needs no login of his where there is a key", () => {
    const { done, send } = started("credentials");
    done("seek", found);
    const fresh = { backendState: "NeedsLogin", profileId: "", controlUrl: "", terms: null } as const;
    expect(send(read(fresh))).toEqual([session("adopted", "credentials")]);
    expect(send({ type: "credentials.replaced" })).toEqual([{ to: "tailnet", type: "credentials.replaced" }]);
  });

  it("is named on /ready while pods are carried all the same, once, and taken back", () => {
    const { send, at } = kept();
    const cut = read({ ...edited, shieldsUp: true, statefulFiltering: true });
    // Headscale may not have had its time to approve.
    expect(send({ ...cut, settled: false })).toEqual([]);
    expect(send(cut)).toEqual([
      {
        to: "health",
        type: "owner.judged",
        words: expect.stringMatching(/--shields-up=false`; .*--stateful-/),
      },
    ]);
    expect(send(cut)).toEqual([]);
    expect(send(read(edited))).toEqual([{ to: "health", type: "owner.judged", words: "" }]);
    send(cut);
    // What hinders is told with the tailnet.
    expect(send(read({ ...edited, shieldsUp: true, backendState: "Stopped" }))).toContainEqual({
      to: "health",
      type: "owner.judged",
      words: "",
    });
    expect(at()).toEqual({ found: { hindered: "stopped" } });
  });
});

describe("a tailscaled that cannot be looked at", () => {
  const unread = { type: "owner.unread", reason: "its records are broken" } as const;
  const words = "the node's tailscaled cannot be read: its records are broken";

  it("is a state with its reason, until a look succeeds", () => {
    const { done, send, at } = started();
    done("seek", found);
    expect(send(unread)).toEqual([{ to: "health", type: "tailscale.down", reason: words }]);
    expect(at()).toEqual({ found: "unread" });
    expect(send(read(edited))).toEqual([session("adopted"), enter()]);
  });

  it("is named while pods are carried by what was seen before, or what hinders them is", () => {
    const { send, at } = kept();
    const judged = { to: "health", type: "owner.judged" };
    expect(send(unread)).toEqual([{ ...judged, words }]);
    expect(at()).toMatchObject({ found: { attending: { preferences: "kept" } } });
    expect(send(read(edited))).toEqual([{ ...judged, words: "" }]);
    send(read({ backendState: "Stopped" }));
    expect(send(unread)).toEqual([{ ...judged, words }]);
    expect(at()).toEqual({ found: { hindered: "stopped" } });
  });

  it("is forgotten with it", () => {
    const { done, send, context } = started();
    done("seek", found);
    send(unread);
    done("feed");
    expect(context().unread).toBe("");
  });
});

describe("a tailscaled that comes and goes", () => {
  const nobody = new HeadcniError("nothing answers on /run/t.sock", { code: "NO_SOCKET" });

  it("is looked for every 200 ms, and missed once", () => {
    const { fail, fire, timers, at, context, done } = started();
    expect(fail("seek", nobody)).toEqual([
      { to: "health", type: "tailscale.down", reason: "nothing answers on /run/t.sock" },
    ]);
    expect(at()).toEqual({ away: "missing" });
    expect(timers()).toEqual([200]);
    expect(fire(200)).toEqual([seek]);
    expect(fail("seek", nobody)).toEqual([]);
    expect(at()).toEqual({ away: "awaitingPoll" });
    expect(timers()).toEqual([200]);
    fire(200);
    done("seek", found);
    expect(context()).toMatchObject({ failure: null, missed: "" });
  });

  it("takes what was told with it, and needs the guard no more when it is back with the same terms", () => {
    const { send, done, fire, at, context } = kept();
    send({ type: "session.settled" });
    expect(at()).toEqual({ found: { attending: { session: "steady", preferences: "kept" } } });
    send(read({ ...edited, shieldsUp: true }));
    const effects = done("feed").filter((effect) => !("stop" in effect));
    expect(effects).toEqual([...exited, { to: "health", type: "owner.judged", words: "" }]);
    expect(at()).toEqual({ away: "backingOff" });
    expect(context()).toMatchObject({ failures: 1, facts: null });
    expect(fire(restart(0))).toEqual([seek]);
    expect(done("seek", { ...found, attended: false })).toEqual([feed]);
    expect(send(read())).toEqual([session("restarted"), edit]);
  });

  it("is waited for longer each time, until a session settles or its owner holds it", () => {
    const { send, fail, done, fire, timers, context } = kept();
    for (let failures = 0; failures < 3; failures += 1) {
      expect(fail("tailnet", broken)).toContainEqual(counted());
      expect(context().failure).toEqual(brokenFailure);
      expect(timers()).toEqual([restart(failures)]);
      fire(restart(failures));
      done("seek", found);
      send(read(edited));
    }
    send({ type: "session.settled" });
    expect(context()).toMatchObject({ failures: 0, failure: null });
    done("tailnet");
    expect(timers()).toEqual([restart(0)]);
    fire(restart(0));
    done("seek", found);
    send(read({ backendState: "Stopped" }));
    expect(context().failures).toBe(0);
    expect(fail("feed", broken)).toContainEqual(counted());
    expect(timers()).toEqual([restart(0)]);
  });
});
