import { describe, expect, test } from "vitest";
import { createActor, fromCallback, fromPromise } from "xstate";
import type { HeadscaleEvent } from "../../../machines/headscale/headscale-jobs.ts";
import { ownRouteMachine } from "../../../machines/route/own-route-machine.ts";
import { peerRouteMachine } from "../../../machines/route/peer-route-machine.ts";
import { routeRows } from "../../../machines/routes/route-rows.ts";
import type { RoutesEvent, RoutesFact } from "../../../machines/routes/routes-events.ts";
import { routesMachine } from "../../../machines/routes/routes-machine.ts";
import { noTailnet } from "../../../src/domain/tailnet/tailnet-phase.ts";
import type { TailnetPeer, TailnetStatus } from "../../../src/domain/tailnet/tailnet-status.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";
import { until } from "../../support/until.ts";

const own = "10.244.1.0/24";
const self = {
  nodeId: "1",
  hostName: "n1",
  online: true,
  addresses: ["100.64.0.1"],
  primaryRoutes: [own],
};

function peer(index: number, ...primaryRoutes: string[]): TailnetPeer {
  return {
    nodeId: String(index),
    hostName: `n${index}`,
    online: true,
    addresses: [`100.64.0.${index}`],
    primaryRoutes,
    currentAddress: "",
    relay: "",
  };
}

function status(peers: readonly TailnetPeer[], primaryRoutes: readonly string[] = [own]): TailnetStatus {
  return { ...noTailnet, backendState: "Running", self: { ...self, primaryRoutes }, peers, fresh: true };
}

type Told = RoutesFact;

function inputOf(parent: ReturnType<typeof recorder<Told>>) {
  return {
    own: [own],
    bound: null,
    supernets: ["10.244.0.0/16"],
    approval: "policy" as const,
    headscale: recorder<HeadscaleEvent>().ref,
    health: parent.ref,
  };
}

test("every transition of the routes machine can be taken", async () => {
  const announced = status([peer(2, "10.244.2.0/24")]);
  await walkAllTransitions(routesMachine, {
    input: inputOf(recorder<Told>()),
    events: [
      { type: "tailnet.changed", status: announced },
      { type: "routeTable.changed" },
      { type: "nodes.bound", bound: { "10.244.2.0/24": "2" } },
      { type: "nodes.bound", bound: { "10.244.2.0/24": "" } },
      { type: "ownRoute.moved", slot: "own-0", state: "serving" },
      { type: "peerRoute.moved", prefix: "10.244.2.0/24", state: "installed" },
    ],
    outcomes: { readTable: { done: [[], ["10.244.2.0/24"]] } },
    stateKey: ({ context }) => [
      context.hinted,
      context.ownRows.map(({ state }: { state: string }) => state),
      Object.keys(context.peers).length,
      Object.keys(context.installed).length,
    ],
  });
});

/** The registry with its real children over a table and packets that the test decides about. */
function start(options: { readonly table?: readonly string[]; readonly answers?: boolean } = {}) {
  const parent = recorder<Told>();
  const kernel = { table: options.table ?? [], reads: 0, answers: options.answers ?? true };
  const reinstalled: string[] = [];
  let hint: (event: RoutesEvent) => void = () => undefined;
  const actor = createActor(
    routesMachine.provide({
      actors: {
        watchTable: fromCallback<RoutesEvent, undefined>(({ sendBack }) => {
          hint = sendBack;
        }),
        readTable: fromPromise<readonly string[], void>(async () => {
          kernel.reads += 1;
          return kernel.table;
        }),
        ownRoute: ownRouteMachine.provide({
          actors: {
            prove: fromPromise<boolean, { readonly source: string; readonly witnesses: readonly string[] }>(
              async ({ input }) => input.witnesses.length === 0 || kernel.answers,
            ),
            refresh: fromPromise<void, void>(async () => undefined),
          },
        }),
        peerRoute: peerRouteMachine.provide({
          actors: {
            reinstall: fromPromise<void, { readonly prefix: string }>(async ({ input }) => {
              reinstalled.push(input.prefix);
              kernel.table = [...kernel.table, input.prefix];
              hint({ type: "routeTable.changed" });
            }),
          },
        }),
      },
    }),
    { input: inputOf(parent) },
  ).start();
  const rows = () => {
    const { ownRows, peers } = actor.getSnapshot().context;
    return routeRows(ownRows, peers);
  };
  const row = (prefix: string, kind: "own" | "peer" = "peer") =>
    rows().find((one) => one.prefix === prefix && one.kind === kind);
  return {
    actor,
    kernel,
    parent,
    reinstalled,
    rows,
    row,
    actors: () => Object.keys(actor.getSnapshot().children).filter((id) => /^(peer:|own-)/.test(id)),
    see: (seen: TailnetStatus) => actor.send({ type: "tailnet.changed", status: seen }),
    change: (table: readonly string[]) => {
      kernel.table = table;
      hint({ type: "routeTable.changed" });
    },
    reaches: (prefix: string, state: string, kind: "own" | "peer" = "peer") =>
      until(() => row(prefix, kind)?.state === state, `${prefix} ${state}`),
  };
}

describe("routes", () => {
  test("tells the root once every own prefix is proven, and when one no longer is", async () => {
    const { see, parent, reaches } = start();
    see(status([]));
    await reaches(own, "serving", "own");
    expect(parent.events).toEqual([{ type: "routes.proven" }]);
    see(status([], []));
    await reaches(own, "lost", "own");
    expect(parent.events.at(-1)).toEqual({ type: "routes.unproven", reason: `${own} is lost` });
  });

  test("a peer's prefix is expected until tailscaled's table has it, and then costs no actor", async () => {
    const { see, row, change, actors, reaches } = start();
    see(status([peer(2, "10.244.2.0/24")]));
    await reaches("10.244.2.0/24", "expected");
    expect(actors()).toEqual(expect.arrayContaining(["own-0"]));
    expect(actors().length).toBe(2);
    change(["10.244.2.0/24"]);
    await reaches("10.244.2.0/24", "installed");
    expect(row("10.244.2.0/24")?.host).toBe("n2");
    expect(actors()).toEqual(["own-0"]);
  });

  test("a prefix that is no Node's conflicts, and waits for the Node's word once there is a Node for it", async () => {
    const { actor, see, row, reaches } = start({ table: ["10.244.9.0/24"] });
    const bind = (...nodes: readonly (readonly [string, string])[]) =>
      actor.send({ type: "nodes.bound", bound: Object.fromEntries(nodes) });
    see(status([peer(9, "10.244.9.0/24")]));
    await reaches("10.244.9.0/24", "installed");
    bind([own, "1"]);
    await reaches("10.244.9.0/24", "conflicting");
    expect(row("10.244.9.0/24")?.culprit).toBe("n9");
    bind([own, "1"], ["10.244.9.0/24", ""]);
    await reaches("10.244.9.0/24", "unconfirmed");
    bind([own, "1"], ["10.244.9.0/24", "9"]);
    await reaches("10.244.9.0/24", "installed");
    expect(row("10.244.9.0/24")?.culprit).toBe("");
  });

  test("a prefix that another machine took over is a conflict with its name, and installed again once its Node's is back", async () => {
    const { actor, see, row, reaches } = start({ table: ["10.244.2.0/24"] });
    actor.send({ type: "nodes.bound", bound: { [own]: "1", "10.244.2.0/24": "2" } });
    see(status([peer(2), peer(9, "10.244.2.0/24")]));
    await reaches("10.244.2.0/24", "conflicting");
    expect(row("10.244.2.0/24")).toMatchObject({ host: "n9", culprit: "n9" });
    see(status([peer(2, "10.244.2.0/24"), peer(9)]));
    await reaches("10.244.2.0/24", "installed");
    expect(row("10.244.2.0/24")).toMatchObject({ host: "n2", culprit: "" });
  });

  test("20,000 rogue prefixes take no actor and 64 rows, and a Node's route that is deleted is still put back", async () => {
    const { actor, see, change, reaches, rows, actors, reinstalled } = start({ table: ["10.244.2.0/24"] });
    const rogue = Array.from({ length: 20_000 }, (_, at) => `10.244.${100 + (at >> 8)}.${at & 255}/32`);
    actor.send({ type: "nodes.bound", bound: { [own]: "1", "10.244.2.0/24": "2" } });
    see(status([peer(1_000, ...rogue), peer(2, "10.244.2.0/24")]));
    await reaches("10.244.2.0/24", "installed");
    expect(rows().filter(({ state }) => state === "conflicting")).toHaveLength(64);
    expect(actor.getSnapshot().context.strangers).toBe(20_000);
    expect(actors()).toEqual(["own-0"]);
    change([]);
    await until(() => reinstalled.length === 1, "the repair");
    await reaches("10.244.2.0/24", "installed");
    // Others every time: nothing of the former ones is kept.
    see(
      status([
        peer(1_000, ...rogue.map((text) => text.replace("10.244.", "10.244.1"))),
        peer(2, "10.244.2.0/24"),
      ]),
    );
    see(status([peer(2, "10.244.2.0/24"), peer(1_000)]));
    await until(() => rows().length === 2, "the end of the rogue's rows");
  });

  test.each([
    ["while the Nodes are not known", null, 64],
    ["once they are", { [own]: "1" }, 0],
  ])("who announces others every time has %s no more rows than at once", async (_, bound, most) => {
    const { actor, see, rows } = start();
    see(status([]));
    const ofPeers = () => rows().filter(({ kind }) => kind === "peer");
    for (const third of [100, 101, 102]) {
      see(status([peer(9, ...Array.from({ length: 64 }, (__, at) => `10.244.${third}.${at}/32`))]));
      await until(() => ofPeers().some(({ prefix }) => prefix.startsWith(`10.244.${third}.`)), "their rows");
    }
    expect(ofPeers()).toHaveLength(64);
    if (bound !== null) actor.send({ type: "nodes.bound", bound });
    see(status([peer(9)]));
    await until(() => ofPeers().length === most, "what is left of them");
  });

  test("a route deleted from tailscaled's table is put back", async () => {
    const { see, change, reaches, reinstalled } = start({ table: ["10.244.2.0/24"] });
    see(status([peer(2, "10.244.2.0/24")]));
    await reaches("10.244.2.0/24", "installed");
    change([]);
    await until(() => reinstalled.length === 1, "the repair");
    await reaches("10.244.2.0/24", "installed");
  });

  test("a peer that is away is lost, one that left the tailnet is forgotten", async () => {
    const { see, row, change, reaches } = start({ table: ["10.244.2.0/24"] });
    see(status([peer(2, "10.244.2.0/24")]));
    await reaches("10.244.2.0/24", "installed");
    see(status([{ ...peer(2), online: false }]));
    change([]);
    await reaches("10.244.2.0/24", "lost");
    see(status([]));
    await until(() => row("10.244.2.0/24") === undefined, "the row's end");
  });

  test("a dead tailscaled loses all prefixes and forgets none", async () => {
    const { see, change, reaches } = start({ table: ["10.244.2.0/24"] });
    see(status([peer(2, "10.244.2.0/24")]));
    await reaches("10.244.2.0/24", "installed");
    see(noTailnet);
    change([]);
    await reaches("10.244.2.0/24", "lost");
    await reaches(own, "lost", "own");
  });

  test("another node that serves our prefix is named, and we are not proven", async () => {
    const { see, row, reaches, parent } = start();
    see(status([]));
    await reaches(own, "serving", "own");
    see(status([peer(9, own)], []));
    await reaches(own, "conflicting");
    expect(row(own, "own")).toMatchObject({ state: "lost", culprit: "n9" });
    expect(row(own)).toMatchObject({ host: "n9", culprit: "this node" });
    expect(parent.events.at(-1)).toEqual({ type: "routes.unproven", reason: `${own} is lost: n9 serves it` });
  });

  test("a slice of our prefix is a conflict with its culprit's name, and we keep serving", async () => {
    const { see, row, reaches } = start({ table: ["10.244.1.0/25"] });
    see(status([]));
    await reaches(own, "serving", "own");
    see(status([peer(9, "10.244.1.0/25")]));
    await reaches("10.244.1.0/25", "conflicting");
    expect(row("10.244.1.0/25")).toMatchObject({ host: "n9", culprit: "this node" });
    expect(row(own, "own")?.state).toBe("serving");
  });

  test("a thousand peers need at most 64 actors while they settle, and none afterwards", async () => {
    const { see, rows, change, actors, actor } = start();
    const prefixes = Array.from(
      { length: 1000 },
      (_, index) => `10.244.${index >> 2}.${(index & 3) * 64}/26`,
    ).slice(8);
    see(status(prefixes.map((prefix, index) => peer(index + 2, prefix))));
    await until(() => rows().length === prefixes.length + 1, "all rows");
    expect(actors().length).toBe(64 + 1);
    change(prefixes);
    await until(
      () => rows().every(({ state }) => state === "installed" || state === "serving"),
      "all installed",
    );
    expect(actors()).toEqual(["own-0"]);
    expect(actor.getSnapshot().context.slots).toEqual(Array.from({ length: 64 }, () => null));
  });

  test("peers that are away hold no actors, and those that wait for one get it when it is free", async () => {
    const { see, change, actors, reaches, rows } = start();
    const prefixes = Array.from({ length: 80 }, (_, index) => `10.244.${index + 2}.0/24`);
    see(status(prefixes.map((prefix, index) => peer(index + 2, prefix))));
    await until(() => rows().length === 81, "all rows");
    expect(actors().length).toBe(65);
    change(prefixes.slice(0, 70));
    await until(() => actors().length === 11, "actors for the ten that are missing");
    see(status(prefixes.map((prefix, index) => peer(index + 2, ...(index === 79 ? [] : [prefix])))));
    await reaches(prefixes[79] ?? "", "lost");
    expect(actors().length).toBe(10);
  });
});
