import { describe, expect, it } from "vitest";
import type { PeerRows } from "../../../machines/routes/route-rows.ts";
import type { RoutesEvent } from "../../../machines/routes/routes-events.ts";
import { routesMachine } from "../../../machines/routes/routes-machine.ts";
import type { PeerRouteFacts } from "../../../src/domain/tailnet/route-facts.ts";
import { noTailnet } from "../../../src/domain/tailnet/tailnet-phase.ts";
import type { TailnetPeer, TailnetStatus } from "../../../src/domain/tailnet/tailnet-status.ts";
import {
  broken,
  brokenFailure,
  counted,
  drive,
  type Effect,
  recipient,
} from "../../support/machines/drive.ts";

const own = "10.244.1.0/24";
const theirs = "10.244.2.0/24";
const self = { nodeId: "1", hostName: "n1", online: true, addresses: ["100.64.0.1"], primaryRoutes: [own] };
const peer = (index: number, ...primaryRoutes: string[]): TailnetPeer => ({
  nodeId: String(index),
  hostName: `n${index}`,
  online: true,
  addresses: [`100.64.0.${index}`],
  primaryRoutes,
  currentAddress: "",
  relay: "",
});
const status = (...peers: TailnetPeer[]): TailnetStatus => ({
  ...noTailnet,
  backendState: "Running",
  self,
  peers,
  fresh: true,
});
const announced: PeerRouteFacts = {
  announced: true,
  installed: false,
  nodeId: "2",
  hostName: "n2",
  published: true,
  culprit: "",
};
const installed = { ...announced, installed: true };
const seen = (of: TailnetStatus): RoutesEvent => ({ type: "tailnet.changed", status: of });
const spawned = (slot: number, prefix: string, facts: PeerRouteFacts, wasInstalled = false) => ({
  start: `peer:${slot}`,
  input: { prefix, facts, wasInstalled, parent: "<routes>" },
});
const observedOwn = { to: "own-0", type: "ownRoute.observed", facts: expect.anything() };
const observed = (slot: number, facts: PeerRouteFacts) => ({
  to: `peer:${slot}`,
  type: "peerRoute.observed",
  facts,
});
const release = (slot: number) => ({ to: `peer:${slot}`, type: "peerRoute.release" });
const moved = (prefix: string, state: "expected" | "installed" | "lost" | "conflicting"): RoutesEvent => ({
  type: "peerRoute.moved",
  prefix,
  state,
});
const ownMoved = (slot: string, state: "serving" | "lost"): RoutesEvent => ({
  type: "ownRoute.moved",
  slot,
  state,
});
const readTable = { start: "readTable" };
const proven = { to: "health", type: "routes.proven" };
const unproven = (reason: string) => ({ to: "health", type: "routes.unproven", reason });

function started(given: { readonly own?: readonly string[]; readonly bound?: Record<string, string> } = {}) {
  const routes = drive(routesMachine, {
    own: [own],
    supernets: ["10.244.0.0/16"],
    bound: null,
    approval: "policy",
    headscale: recipient("headscale"),
    health: recipient("health"),
    ...given,
  });
  const first = routes.start();
  /** Looks at the tailnet as it is now, with these prefixes in the table. */
  const look = (of: TailnetStatus, ...table: string[]): readonly Effect[] => {
    routes.send(seen(of));
    routes.fire(50);
    return routes.done("readTable", table);
  };
  return { ...routes, first, look };
}

describe("routes", () => {
  it("begin with an actor for each own prefix and a watch of the table", () => {
    const { first, at } = started({ own: [own, "fd00:1::/64"] });
    const input = { approval: "policy", headscale: "<headscale>", parent: "<routes>" };
    expect(first).toEqual([
      { start: "own-0", input: { prefix: own, slot: "own-0", ...input } },
      { start: "own-1", input: { prefix: "fd00:1::/64", slot: "own-1", ...input } },
      { start: "watchTable" },
    ]);
    expect(at()).toBe("resting");
  });

  it("look once for a burst of changes, 50 ms after the first", () => {
    const { send, fire, done, timers, at } = started();
    expect(send(seen(status()))).toEqual([]);
    expect(at()).toBe("debouncing");
    expect(timers()).toEqual([50]);
    expect(send({ type: "routeTable.changed" })).toEqual([]);
    expect(fire(50)).toEqual([readTable]);
    expect(done("readTable", [])).toEqual([observedOwn]);
    expect(at()).toBe("resting");
  });

  it.each<RoutesEvent>([{ type: "routeTable.changed" }, { type: "nodes.bound", bound: {} }])(
    "look after $type, also when that comes during a look",
    (event) => {
      const { send, fire, done, at } = started();
      send(event);
      expect(fire(50)).toEqual([readTable]);
      send(event);
      done("readTable", []);
      expect(at()).toBe("debouncing");
    },
  );

  it("tell an own route what is seen of it", () => {
    const { look } = started();
    expect(look(status(peer(2, theirs)), theirs)[0]).toEqual({
      to: "own-0",
      type: "ownRoute.observed",
      facts: { ready: true, fresh: true, nodeId: "1", served: true, takenBy: "", witnesses: ["10.244.2.1"] },
    });
  });

  it("wait a second for a peer's prefix that tailscaled has yet to install, or until something changes", () => {
    const { look, send, fire, timers, at } = started();
    look(status(peer(2, theirs)));
    expect(at()).toBe("awaiting");
    expect(timers()).toEqual([1_000]);
    expect(fire(1_000)).toEqual([readTable]);
    const other = started();
    other.look(status(peer(2, theirs)));
    other.send({ type: "routeTable.changed" });
    expect(other.at()).toBe("debouncing");
    send({ type: "routeTable.changed" });
  });

  it("tell the own routes also when the table cannot be read, and try again in a second", () => {
    const { look, send, fire, fail, done, timers, at, context } = started();
    look(status());
    send({ type: "routeTable.changed" });
    fire(50);
    expect(fail("readTable", broken)).toEqual([counted(), observedOwn]);
    expect(at()).toBe("awaiting");
    expect(timers()).toEqual([1_000]);
    expect(context().failure).toEqual(brokenFailure);
    fire(1_000);
    done("readTable", []);
    expect(context().failure).toBeNull();
  });

  it("go on without a watch of the table", () => {
    const { fail, at } = started();
    expect(fail("watchTable", broken)).toEqual([counted()]);
    expect(at()).toBe("resting");
  });
});

describe("a peer's prefix", () => {
  it("has an actor until it is installed, and is a row from then on", () => {
    const { look, send, done, at, context } = started();
    expect(context().ownRows).toEqual([{ prefix: own, slot: "own-0", state: "announcing", takenBy: "" }]);
    expect(look(status(peer(2, theirs)))).toEqual([spawned(0, theirs, announced), observedOwn]);
    expect(look(status(peer(2, theirs)))).toEqual([observedOwn]);
    for (const facts of [
      { ...announced, hostName: "other" },
      { ...announced, nodeId: "3" },
      { ...announced, culprit: "n3" },
    ])
      expect(
        look(
          status(...(facts.culprit === "" ? [] : [peer(3, theirs)]), {
            ...peer(Number(facts.nodeId), theirs),
            hostName: facts.hostName,
          }),
        ),
      ).toContainEqual(observed(0, facts));
    look(status(peer(2, theirs)));
    expect(look(status(peer(2, theirs)), theirs)).toEqual([observedOwn, observed(0, installed)]);
    expect(at()).toBe("resting");
    expect(send(moved(theirs, "installed"))).toEqual([release(0)]);
    expect(context().peers).toEqual({
      [theirs]: { facts: installed, state: "installed", wasInstalled: true },
    });
    expect(done("peer:0")).toEqual([]);
    expect(context().slots).toEqual([null]);
    expect(look(status(peer(2, theirs)), theirs)).toEqual([observedOwn]);
  });

  it("that is installed at first sight is a row, and gets an actor that knows so when it is missing", () => {
    const { look, context } = started();
    expect(look(status(peer(2, theirs)), theirs)).toEqual([observedOwn]);
    expect(context().peers).toEqual({
      [theirs]: { facts: installed, state: "installed", wasInstalled: true },
    });
    expect(look(status(peer(2, theirs)))).toEqual([spawned(0, theirs, announced, true), observedOwn]);
    expect(context().peers[theirs]).toMatchObject({ state: "lost", slot: 0 });
  });

  it("follows what its actor says, which stays while there is something to do, and not while it is refused", () => {
    const { look, send, context } = started();
    look(status(peer(2, theirs)));
    expect(send(moved(theirs, "lost"))).toEqual([]);
    expect(context().peers[theirs]).toMatchObject({ state: "lost", slot: 0 });
    expect(send(moved(theirs, "conflicting"))).toEqual([release(0)]);
    expect(context().peers[theirs]).toEqual({ facts: announced, state: "conflicting", wasInstalled: false });
    expect(send(moved("10.244.9.0/24", "installed"))).toEqual([]);
    expect(context().peers["10.244.9.0/24"]).toBeUndefined();
  });

  it("is lost while its peer announces it no more, and gone with its peer", () => {
    const { look, send, at, context } = started();
    look(status(peer(2, theirs)), theirs);
    expect(look(status(peer(2)), theirs)).toEqual([observedOwn]);
    expect(at()).toBe("resting");
    expect(context().peers[theirs]).toEqual({
      state: "lost",
      facts: { ...announced, announced: false },
      wasInstalled: true,
    });
    expect(look(status(), theirs)).toEqual([observedOwn]);
    expect(context().peers).toEqual({});
    look(status(peer(2, theirs)));
    expect(look(status())).toEqual([observedOwn, release(0)]);
    expect(context().peers).toEqual({});
    expect(send(moved(theirs, "installed"))).toEqual([]);
  });

  it("is not gone while there is no netmap", () => {
    const { look, context } = started();
    look(status(peer(2, theirs)), theirs);
    look(noTailnet);
    expect(context().peers[theirs]).toMatchObject({ state: "lost", facts: { announced: false } });
  });

  it("leaves the others as they are, whatever becomes of it", () => {
    const { look, send, fail, context } = started();
    const prefixes = [theirs, "10.244.3.0/24", "10.244.4.0/24"];
    look(status(...prefixes.map((prefix, index) => peer(index + 2, prefix))));
    send(moved(theirs, "lost"));
    expect(Object.keys(context().peers)).toEqual(prefixes);
    send(moved(theirs, "installed"));
    expect(Object.keys(context().peers)).toEqual(prefixes);
    fail("peer:1", broken);
    expect(Object.keys(context().peers)).toEqual(prefixes);
    expect(context().slots).toEqual([theirs, null, "10.244.4.0/24"]);
  });

  it("shares 64 actors with the others, and the lowest free one at that", () => {
    const { look, send, done } = started();
    const peers = Array.from({ length: 66 }, (_, index) => peer(index + 2, `10.244.${index + 2}.0/24`));
    const starts = (effects: readonly Effect[]) =>
      effects.flatMap((effect) => ("start" in effect ? [effect.start] : []));
    const first = starts(look(status(...peers)));
    expect(first).toHaveLength(64);
    expect(first.at(-1)).toBe("peer:63");
    send(moved("10.244.5.0/24", "installed"));
    expect(starts(look(status(...peers), "10.244.5.0/24"))).toEqual([]);
    done("peer:3");
    expect(starts(look(status(...peers), "10.244.5.0/24"))).toEqual(["peer:3"]);
  });

  it("gets another actor for one that died, and keeps its row", () => {
    const { look, fail, context } = started();
    look(status(peer(2, theirs)));
    expect(fail("peer:0", broken)).toEqual([counted()]);
    expect(context().peers[theirs]).toEqual({ facts: announced, state: "expected", wasInstalled: false });
    expect(look(status(peer(2, theirs)))).toEqual([spawned(0, theirs, announced), observedOwn]);
  });

  it("that is refused has a row alone, which says why, and is gone when it is announced no more", () => {
    const { look, send, context } = started({ bound: { [theirs]: "" } });
    const rogue = "10.244.9.0/24";
    const rows = () =>
      Object.entries(context().peers as PeerRows).map(([prefix, { state, facts }]) => [
        prefix,
        state,
        facts.culprit,
      ]);
    expect(look(status(peer(2, theirs), peer(9, rogue)), theirs, rogue)).toEqual([observedOwn]);
    expect(rows()).toEqual([
      [rogue, "conflicting", "n9"],
      [theirs, "unconfirmed", ""],
    ]);
    send({ type: "nodes.bound", bound: { [theirs]: "3" } });
    expect(look(status(peer(2, theirs), peer(9)), theirs)).toEqual([observedOwn]);
    expect(rows()).toEqual([[theirs, "conflicting", "n2"]]);
    send({ type: "nodes.bound", bound: { [theirs]: "2" } });
    expect(look(status(peer(2, theirs)), theirs)).toEqual([observedOwn]);
    expect(rows()).toEqual([[theirs, "installed", ""]]);
  });

  it("is told to nobody, however often what peers announce changes", () => {
    const { look } = started({ bound: { [theirs]: "2" } });
    for (let round = 0; round < 50; round += 1)
      expect(look(status(peer(2, theirs), peer(9, `10.244.${100 + round}.0/24`)), theirs)).toEqual([
        observedOwn,
      ]);
  });
});

describe("the proof", () => {
  it("is told once every own prefix serves, and its loss with the reason", () => {
    const { send, look } = started({ own: [own, "fd00:1::/64"] });
    expect(send(ownMoved("own-0", "serving"))).toEqual([]);
    expect(send(ownMoved("own-1", "serving"))).toEqual([proven]);
    expect(send(ownMoved("own-1", "serving"))).toEqual([]);
    expect(send(ownMoved("own-0", "lost"))).toEqual([unproven(`${own} is lost`)]);
    send(ownMoved("own-0", "serving"));
    look(status(peer(3, own)));
    expect(send(ownMoved("own-0", "lost"))).toEqual([unproven(`${own} is lost: n3 serves it`)]);
  });

  it.each([
    ["dies", (routes: ReturnType<typeof started>) => routes.fail("own-0", broken), [counted()]],
    ["ends", (routes: ReturnType<typeof started>) => routes.done("own-0"), []],
  ] as const)("is lost for good when the actor of an own prefix %s", (_, happen, news) => {
    const routes = started();
    routes.send(ownMoved("own-0", "serving"));
    expect(happen(routes)).toEqual([...news, unproven(`${own} is failed`)]);
    expect(routes.send(ownMoved("own-0", "serving"))).toEqual([]);
    expect(routes.look(status())).toEqual([]);
  });
});
