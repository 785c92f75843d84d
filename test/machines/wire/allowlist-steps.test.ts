import { describe, expect, it } from "vitest";
import type { AllowlistEvent } from "../../../machines/wire/allowlist-events.ts";
import { allowlistKeeperMachine } from "../../../machines/wire/allowlist-keeper-machine.ts";
import { allowlistMachine } from "../../../machines/wire/allowlist-machine.ts";
import { backoffDelay } from "../../../src/domain/backoff.ts";
import type { NodeBinding } from "../../../src/domain/kubernetes/node-bindings.ts";
import type { Believed, Netmap, ServedRoutes } from "../../../src/domain/tailnet/believed-prefixes.ts";
import {
  broken,
  brokenFailure,
  counted,
  drive,
  type Effect,
  recipient,
} from "../../support/machines/drive.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";

const prefix = "10.244.2.0/24";
const bindings: readonly NodeBinding[] = [{ prefix, nodeId: "2", node: "n2", uid: "u2" }];
const served: ServedRoutes = { "2": [prefix], "9": ["192.168.0.0/24"] };
const believes = (...prefixes: string[]): Believed => ({ prefixes, nodes: [] });
const apply = (...prefixes: string[]) => ({ start: "apply", input: { believed: believes(...prefixes) } });
const netmapOf = (routes: ServedRoutes): Netmap => ({ routes, addresses: {} });
const readList = { start: "readList" };
const readNetmap = { start: "readNetmap" };
const inForce = { to: "parent", type: "allowlist.inForce" };
const listChanged: AllowlistEvent = { type: "list.changed" };
const hinted = (routes: ServedRoutes | "unknown" = "unknown"): AllowlistEvent => ({
  type: "netmap.hinted",
  routes,
});
const closed: AllowlistEvent = { type: "netmap.closed" };
const byNft = { code: "TABLE_CHANGED", message: "nft changed the table headcni_allowlist" };
const changed: AllowlistEvent = { type: "table.changed", failure: byNft };
const unheard = { code: "TABLE_UNHEARD", message: "the allowlist's table was not watched for a moment" };
const reload = (failures: number) => backoffDelay(failures, { firstMs: 200, maxMs: 30_000 }, "n1");

function started(believed = believes()) {
  const allowlist = drive(allowlistMachine, { seed: "n1", parent: recipient("parent"), believed });
  return { ...allowlist, first: allowlist.start() };
}

/** Nothing is believed, and that is in force; the list is read. */
function closedToAll(list: readonly NodeBinding[] | null = bindings) {
  const allowlist = started();
  allowlist.done("readList", list);
  allowlist.done("apply", believes());
  allowlist.fire(100);
  return allowlist;
}

/** What the Node's own tailnet node serves is believed. */
function open() {
  const allowlist = closedToAll();
  allowlist.send(hinted());
  allowlist.done("readNetmap", netmapOf(served));
  allowlist.done("apply", believes(prefix));
  allowlist.fire(100);
  allowlist.fire(200);
  return allowlist;
}

describe("what X believes", () => {
  it("is nothing at first, in force before anything else, and told once", () => {
    const { first, done, fire, send, at } = started();
    expect(first).toEqual([
      { start: "watchList" },
      readList,
      { start: "followNetmap" },
      { start: "watchTable" },
      apply(),
    ]);
    expect(done("apply", believes())).toEqual([inForce]);
    expect(at()).toMatchObject({ table: "rateLimited" });
    expect(fire(100)).toEqual([]);
    expect(at()).toMatchObject({ table: "inForce" });
    expect(send(changed)).toEqual([apply(), counted(byNft)]);
    expect(done("apply", believes())).toEqual([]);
  });

  it("is a Node's prefix once list and netmap agree who serves it, whichever comes first", () => {
    const listFirst = closedToAll();
    expect(listFirst.send(hinted())).toEqual([readNetmap]);
    expect(listFirst.done("readNetmap", netmapOf(served))).toEqual([apply(prefix)]);
    const netmapFirst = closedToAll(null);
    netmapFirst.send(hinted());
    expect(netmapFirst.done("readNetmap", netmapOf(served))).toEqual([]);
    expect(netmapFirst.send(listChanged)).toEqual([readList]);
    expect(netmapFirst.done("readList", bindings)).toEqual([apply(prefix)]);
  });

  it("is what an earlier keeper left in force, until both are known: a daemon that starts anew cuts nobody off", () => {
    const { first, send, done, fire } = started(believes(prefix));
    expect(first).toContainEqual(apply(prefix));
    expect(done("apply", believes(prefix))).toEqual([inForce]);
    expect(done("readList", bindings)).toEqual([]);
    expect(fire(100)).toEqual([]);
    send(hinted());
    expect(done("readNetmap", netmapOf({}))).toEqual([apply()]);
    const netmapFirst = started(believes(prefix));
    netmapFirst.done("apply", believes(prefix));
    netmapFirst.send(hinted());
    netmapFirst.done("readNetmap", netmapOf(served));
    expect(netmapFirst.fire(100)).toEqual([]);
    expect(netmapFirst.done("readList", [])).toEqual([apply()]);
  });

  it.each<[string, ServedRoutes]>([
    ["another machine serves it", { "9": [prefix] }],
    ["nobody serves it", { "2": [] }],
  ])("is no more than before once %s, within that one look", (_, routes) => {
    const { send, done } = open();
    expect(send(hinted(routes))).toEqual([readNetmap]);
    expect(done("readNetmap", netmapOf(routes))).toEqual([apply()]);
  });

  it("is no more what the list does not bind, or binds to another", () => {
    for (const other of [
      [],
      [{ prefix, nodeId: "3", node: "n2", uid: "u2" }],
      [{ prefix, nodeId: "", node: "n2", uid: "new" }],
    ]) {
      const { send, done } = open();
      send(listChanged);
      expect(done("readList", other)).toEqual([apply()]);
    }
  });

  it("is not loaded again for what changes nothing, however often peers announce other things", () => {
    const { send, done, fire } = open();
    for (let round = 0; round < 50; round += 1) {
      const more = { ...served, "9": [`10.244.${100 + round}.0/24`] };
      expect(send(hinted({ "9": more["9"] ?? [] }))).toEqual([readNetmap]);
      expect(done("readNetmap", netmapOf(more))).toEqual([]);
      expect(fire(200)).toEqual([]);
    }
  });

  it("is loaded at most every 100 ms, the last state then", () => {
    const { send, done, fire } = closedToAll();
    send(hinted());
    expect(done("readNetmap", netmapOf(served))).toEqual([apply(prefix)]);
    expect(done("apply", believes(prefix))).toEqual([]);
    for (const routes of [{}, served, {}]) {
      send(hinted());
      fire(200);
      expect(done("readNetmap", netmapOf(routes))).toEqual([]);
    }
    expect(fire(100)).toEqual([apply()]);
  });

  it("that changed during a load is loaded after it", () => {
    const { send, done, fire } = closedToAll();
    send(hinted());
    done("readNetmap", netmapOf(served));
    send(hinted());
    fire(200);
    expect(done("readNetmap", netmapOf({}))).toEqual([]);
    done("apply", believes(prefix));
    expect(fire(100)).toEqual([apply()]);
  });

  it("is loaded again when nft refused it, ever more slowly, and is not told as in force until then", () => {
    const { fail, fire, done, at, context } = started();
    done("readList", []);
    for (let failures = 0; failures < 10; failures += 1) {
      expect(fail("apply", broken)).toEqual([counted()]);
      expect(at()).toMatchObject({ table: "backingOff" });
      expect(fire(reload(failures))).toEqual([apply()]);
    }
    expect(context()).toMatchObject({ failures: 10, failure: brokenFailure });
    expect(done("apply", believes())).toEqual([inForce]);
    expect(context()).toMatchObject({ failures: 0, failure: null });
  });
});

describe("the table that somebody else changed", () => {
  it("is loaded again at once, and the failure that names who is kept until it is in force", () => {
    const { send, done, at, context, fire } = open();
    expect(send(changed)).toEqual([apply(prefix), counted(byNft)]);
    expect(at()).toMatchObject({ table: "applying" });
    expect(context()).toMatchObject({ failure: byNft });
    expect(done("apply", believes(prefix))).toEqual([]);
    expect(context()).toMatchObject({ failure: null, changed: null });
    expect(fire(100)).toEqual([]);
    expect(at()).toMatchObject({ table: "inForce" });
  });

  it("in the 100 ms after a load is loaded after them, once for however many changes", () => {
    const { send, done, fire } = open();
    send(changed);
    done("apply", believes(prefix));
    for (let round = 0; round < 5; round += 1) expect(send(changed)).toEqual([]);
    expect(fire(100)).toEqual([apply(prefix), counted(byNft)]);
  });

  it("during a load is loaded after it", () => {
    const { send, done, fire } = open();
    send(changed);
    expect(send(changed)).toEqual([]);
    expect(done("apply", believes(prefix))).toEqual([]);
    expect(fire(100)).toEqual([apply(prefix), counted(byNft)]);
  });

  it("while nft refuses it is loaded when its turn comes", () => {
    const { send, fail, fire, done } = open();
    send(changed);
    fail("apply", broken);
    expect(send(changed)).toEqual([]);
    expect(fire(reload(0))).toEqual([apply(prefix)]);
    done("apply", believes(prefix));
    expect(fire(100)).toEqual([]);
  });

  it.each<[string, (allowlist: ReturnType<typeof open>) => readonly Effect[], readonly Effect[]]>([
    [
      "ends",
      ({ send }) => send({ type: "table.unwatched", failure: brokenFailure }),
      [{ stop: "watchTable" }, counted()],
    ],
    ["cannot begin", ({ fail }) => fail("watchTable", broken), [counted()]],
  ])(
    "may be any whose watch %s: it is watched again half a second later, and loaded once",
    (_, happens, effects) => {
      const allowlist = open();
      expect(happens(allowlist)).toEqual(effects);
      expect(allowlist.at()).toMatchObject({ watch: "deaf", table: "inForce" });
      expect(allowlist.fire(500)).toEqual([{ start: "watchTable" }, apply(prefix), counted(unheard)]);
      expect(allowlist.at()).toMatchObject({ watch: "hearing" });
      allowlist.done("apply", believes(prefix));
      expect(allowlist.fire(100)).toEqual([]);
    },
  );
});

describe("the netmap", () => {
  it("is read for a hint that says what is not known, and for one that does not say", () => {
    const { send, done, fire } = open();
    expect(send(hinted({ "2": [prefix] }))).toEqual([]);
    expect(send(hinted({ "7": [] }))).toEqual([]);
    expect(send(hinted({ "7": [prefix] }))).toEqual([readNetmap]);
    done("readNetmap", netmapOf(served));
    fire(200);
    expect(send(hinted())).toEqual([readNetmap]);
  });

  it.each([
    ["does not say what", hinted()],
    // A rogue that withdraws and announces again while tailscaled answers.
    ["says what was known before", hinted({ "2": [prefix] })],
  ])("is read once more, 200 ms later, when a hint that %s came during the look", (_, hint) => {
    const { send, done, fire } = open();
    send(hinted());
    expect(send(hint)).toEqual([]);
    expect(done("readNetmap", netmapOf(served))).toEqual([]);
    expect(fire(200)).toEqual([readNetmap]);
    done("readNetmap", netmapOf(served));
    expect(fire(200)).toEqual([]);
  });

  it("is read once in 200 ms, however many hints come, and after the last of them", () => {
    const { send, done, fire, at } = open();
    send(hinted());
    for (let round = 0; round < 5; round += 1) {
      expect(done("readNetmap", netmapOf(served))).toEqual([]);
      expect(at()).toMatchObject({ netmap: { following: "rateLimited" } });
      for (let hints = 0; hints < 100; hints += 1)
        expect(send(hinted({ "9": [`10.${hints}.0.0/16`] }))).toEqual([]);
      // What is known is told last: the netmap was another meanwhile.
      expect(send(hinted({ "9": served["9"] ?? [] }))).toEqual([]);
      expect(fire(200)).toEqual([readNetmap]);
    }
    done("readNetmap", netmapOf(served));
    expect(fire(200)).toEqual([]);
  });

  it("is read every ten seconds, too: some changes come without a hint", () => {
    expect(open().fire(10_000)).toEqual([readNetmap]);
  });

  it("that tailscaled has not got yet, as after its restart, changes nothing", () => {
    const { send, done, context } = open();
    send(hinted());
    expect(done("readNetmap", null)).toEqual([]);
    expect(context().netmap).toEqual(netmapOf(served));
  });

  it("is asked for again a second after an error", () => {
    const { send, fail, fire, at, context, done } = open();
    send(hinted());
    expect(fail("readNetmap", broken)).toEqual([counted()]);
    expect(at()).toMatchObject({ netmap: { following: "backingOff" } });
    expect(fire(1_000)).toEqual([readNetmap]);
    done("readNetmap", netmapOf(served));
    expect(context().failure).toBeNull();
  });

  it.each<[string, (allowlist: ReturnType<typeof open>) => readonly Effect[], readonly Effect[]]>([
    ["ends", ({ send }) => send(closed), [{ stop: "followNetmap" }]],
    ["fails", ({ fail }) => fail("followNetmap", broken), [counted()]],
  ])(
    "stands as it was while the bus that tells of it %s, which is opened again 200 ms later",
    (_, happens, effects) => {
      const allowlist = open();
      expect(happens(allowlist)).toEqual(effects);
      expect(allowlist.at()).toMatchObject({ netmap: "away", table: "inForce" });
      expect(allowlist.context().inForce).toEqual(believes(prefix));
      expect(allowlist.fire(200)).toEqual([{ start: "followNetmap" }]);
    },
  );
});

describe("the list of Nodes", () => {
  it("is awaited where there is none, and nothing is believed until then", () => {
    const { at, send, fire } = closedToAll(null);
    expect(at()).toMatchObject({ list: "unlisted" });
    expect(send(hinted())).toEqual([readNetmap]);
    expect(fire(60_000)).toEqual([readList]);
  });

  it("stands as it was said last while it cannot be read or is gone", () => {
    const { send, fail, fire, done, at, context } = open();
    send(listChanged);
    expect(fail("readList", broken)).toEqual([counted()]);
    expect(at()).toMatchObject({ list: "unreadable" });
    expect(context().inForce).toEqual(believes(prefix));
    expect(fire(1_000)).toEqual([readList]);
    expect(done("readList", null)).toEqual([]);
    expect(context()).toMatchObject({ bindings, believed: believes(prefix) });
  });

  it("is read anew when it changes during a reading, and every minute whoever watches it", () => {
    const { send } = open();
    send(listChanged);
    expect(send(listChanged)).toEqual([{ stop: "readList" }, readList].toReversed());
    const unwatched = open();
    expect(unwatched.fail("watchList", broken)).toEqual([counted()]);
    expect(unwatched.fire(60_000)).toEqual([readList]);
  });
});

it("the allowlist's keeper takes every transition of its machine", async () => {
  await walkAllTransitions(allowlistKeeperMachine, {
    input: { seed: "n1", parent: recipient("parent"), believed: believes() },
    events: [],
  });
});

it("the allowlist takes every transition of its machine", async () => {
  await walkAllTransitions(allowlistMachine, {
    input: { seed: "n1", parent: recipient("parent"), believed: believes() },
    events: [listChanged, hinted(), closed, changed, { type: "table.unwatched", failure: brokenFailure }],
    outcomes: {
      readList: { done: [null, bindings] },
      readNetmap: { done: [null, netmapOf(served)] },
      apply: { done: [believes()] },
    },
    stateKey: ({ context }) => [
      context.hinted,
      context.changed !== null,
      context.believed.prefixes.length,
      context.inForce?.prefixes.length,
    ],
    // Two timers of one delay, which the clock tells apart by their age alone.
    possible: ({ value }, { type }) =>
      !(
        type.startsWith("xstate.after.retry") &&
        value.list === "unreadable" &&
        value.netmap.following === "backingOff"
      ),
    keepsFailures: "each region forgets what failed in any of them when it gets on",
  });
});
