import { describe, expect, it } from "vitest";
import { createActor, fromCallback, fromPromise } from "xstate";
import type {
  OwnNodeEvent,
  OwnNodeFact,
  OwnNodeInput,
  OwnNodeReport,
} from "../../../machines/own-node/own-node-events.ts";
import { ownNodeMachine } from "../../../machines/own-node/own-node-machine.ts";
import type { PodsCommand } from "../../../machines/pods/pods-events.ts";
import { watchMachine } from "../../../machines/watch/watch-machine.ts";
import type { OwnNode } from "../../../src/domain/kubernetes/kubernetes-objects.ts";
import { ownNode } from "../../support/cluster-node.ts";
import { manualClock } from "../../support/machines/manual-clock.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";
import { until } from "../../support/until.ts";

const own = ownNode("n1", ["10.244.1.0/24"]);
const moved: OwnNode = { ...own, podCidrs: ["10.244.7.0/24"] };
const unassigned: OwnNode = { ...own, podCidrs: [] };
const outside: OwnNode = { ...own, podCidrs: ["10.9.0.0/24"] };

const heard = (...items: OwnNode[]): OwnNodeEvent => ({
  type: "watch.listed",
  source: "ownNode",
  items,
  cursor: "1",
});
const ownChanged = (kind: "put" | "removed", item: OwnNode): OwnNodeEvent => ({
  type: "watch.changed",
  source: "ownNode",
  changes: [{ kind, item }],
  cursor: "2",
});
const lost: OwnNodeEvent = {
  type: "watch.lost",
  source: "ownNode",
  failure: { code: "UNREACHABLE", message: "away" },
};
const counted = (count: number): OwnNodeEvent => ({
  type: "attachments.changed",
  added: [],
  removed: [],
  count,
});

const input: Omit<OwnNodeInput, "health" | "pods" | "parent"> = {
  seed: "n1",
  configured: [],
  supernets: ["10.244.0.0/16"],
  publishesAddress: true,
  metricsPort: null,
};

/** The machine; `memory` is what an earlier life left, and what this one writes. */
function start({ memory = [] as readonly string[], configured = [] as readonly string[] } = {}) {
  const disk = { podCidrs: memory };
  const clock = manualClock();
  const parent = recorder<OwnNodeFact | OwnNodeReport>();
  const pods = recorder<PodsCommand>();
  const silent = watchMachine.provide({ actors: { follow: fromCallback(() => undefined) } });
  const actor = createActor(
    ownNodeMachine.provide({
      actors: {
        watch: silent,
        recall: fromPromise(() => Promise.resolve(disk.podCidrs)),
        remember: fromPromise<void, { readonly podCidrs: readonly string[] }>(async ({ input }) => {
          disk.podCidrs = input.podCidrs;
        }),
      },
    }),
    { input: { ...input, configured, health: parent.ref, pods: pods.ref, parent: parent.ref }, clock },
  ).start();
  const isAt = (path: string) => JSON.stringify(actor.getSnapshot().value).includes(`"${path}"`);
  return {
    disk,
    clock,
    parent,
    pods,
    send: (event: OwnNodeEvent) => actor.send(event),
    failure: () => actor.getSnapshot().context.failure,
    reaches: (path: string) => until(() => isAt(path), path),
    last: (type: (OwnNodeFact | OwnNodeReport)["type"]) =>
      parent.events.findLast((event) => event.type === type),
  };
}

describe("the machine of the own Node", () => {
  it("takes every transition", async () => {
    const [health, pods] = [recorder<OwnNodeFact>().ref, recorder<PodsCommand>().ref];
    const all = { ...input, health, pods, parent: recorder<OwnNodeReport>().ref };
    await walkAllTransitions(ownNodeMachine, {
      input: all,
      moreInputs: [{ ...all, configured: ["10.244.1.0/24"] }],
      events: [
        heard(own),
        heard(),
        heard(moved),
        heard(unassigned),
        ownChanged("put", own),
        ownChanged("put", moved),
        ownChanged("removed", own),
        lost,
        { type: "watch.restored", source: "ownNode" },
        counted(0),
        counted(1),
        {
          type: "node.networkWanted",
          condition: { status: "False", reason: "HeadcniServes", message: "" },
        },
        { type: "node.joined", nodeId: "7" },
      ],
      outcomes: {
        watch: { done: [] },
        condition: { done: [] },
        identity: { done: [] },
        address: { done: [] },
        recall: { done: [[], ["10.244.1.0/24"]] },
      },
      stateKey: ({ context }) => [
        context.inForce.join(),
        // It matters until something is in force.
        context.inForce.length === 0 && context.remembered.join(),
        typeof context.own === "string" ? context.own : context.own.podCidrs.join(),
        context.attachments === 0,
      ],
    });
  });

  it("takes the pod CIDR of the Node, and remembers it", async () => {
    const { send, reaches, last, disk } = start();
    await reaches("awaitingApiServer");
    send(heard(own));
    await reaches("agreed");
    expect(last("node.podCIDRs")).toEqual({ type: "node.podCIDRs", prefixes: ["10.244.1.0/24"] });
    expect(disk.podCidrs).toEqual(["10.244.1.0/24"]);
  });

  it("has forgotten an outage of the API server once the watch goes on, with nothing to list", async () => {
    const { send, reaches, failure } = start();
    await reaches("awaitingApiServer");
    send(heard(own));
    await reaches("agreed");
    send(lost);
    expect(failure()).toMatchObject({ code: "UNREACHABLE" });
    send({ type: "watch.restored", source: "ownNode" });
    expect(failure()).toBeNull();
  });

  it("waits for a Node that has none yet, and says what for", async () => {
    const { send, reaches, last, clock } = start();
    await reaches("awaitingApiServer");
    clock.fire(500);
    expect(last("node.waiting")).toEqual({
      type: "node.waiting",
      reason: "the API server has not been heard yet",
    });
    send(lost);
    expect(last("node.waiting")).toMatchObject({ reason: expect.stringContaining("away") });
    send(heard());
    expect(last("node.waiting")).toMatchObject({ reason: expect.stringContaining("no Node of this name") });
    send(ownChanged("put", unassigned));
    expect(last("node.waiting")).toMatchObject({ reason: expect.stringContaining("--allocate-node-cidrs") });
    send(ownChanged("put", outside));
    expect(last("node.waiting")).toMatchObject({ reason: expect.stringContaining("10.9.0.0/24") });
    send(ownChanged("put", own));
    await reaches("agreed");
  });

  it.each([
    ["at once when the API server is away", (at: ReturnType<typeof start>) => at.send(lost)],
    ["after a moment when it does not answer", (at: ReturnType<typeof start>) => at.clock.fire(500)],
  ])("continues with what it remembers: %s", async (_, happen) => {
    const at = start({ memory: ["10.244.1.0/24"] });
    await at.reaches("awaitingApiServer");
    happen(at);
    await at.reaches("unconfirmed");
    expect(at.last("node.podCIDRs")).toEqual({ type: "node.podCIDRs", prefixes: ["10.244.1.0/24"] });
    at.send(heard(own));
    await at.reaches("agreed");
  });

  it("believes the Node rather than its memory while nothing is in force yet", async () => {
    const { send, reaches, last, disk } = start({ memory: ["10.244.1.0/24"] });
    await reaches("awaitingApiServer");
    send(heard(moved));
    await reaches("agreed");
    expect(last("node.podCIDRs")).toEqual({ type: "node.podCIDRs", prefixes: ["10.244.7.0/24"] });
    expect(disk.podCidrs).toEqual(["10.244.7.0/24"]);
  });

  it("does not take a memory that the configuration does not allow any more", async () => {
    const { send, reaches, last } = start({ memory: ["10.9.1.0/24"] });
    await reaches("awaitingApiServer");
    send(lost);
    await reaches("awaitingApiServer");
    expect(last("node.podCIDRs")).toBeUndefined();
  });

  it("refuses another pod CIDR under running pods, and begins anew with it once they are gone", async () => {
    const { send, reaches, last, disk } = start();
    send(counted(2));
    send(heard(own));
    await reaches("agreed");
    send(ownChanged("put", moved));
    await reaches("conflicting");
    expect(last("node.conflicting")).toMatchObject({
      reason:
        "the Node's pod CIDR is 10.244.7.0/24, but this node works with 10.244.1.0/24: drain the node, then it takes the new one",
    });
    send(counted(1));
    await reaches("conflicting");
    expect(disk.podCidrs).toEqual(["10.244.1.0/24"]);
    send(counted(0));
    await reaches("moved");
    expect(disk.podCidrs).toEqual(["10.244.7.0/24"]);
    expect(last("node.moved")).toEqual({ type: "node.moved", prefixes: ["10.244.7.0/24"] });
  });

  it("judges a Node by the last of its changes that came together", async () => {
    const { send, reaches } = start();
    send(heard(own));
    await reaches("agreed");
    const changes = [moved, own].map((item) => ({ kind: "put" as const, item }));
    send({ type: "watch.changed", source: "ownNode", changes, cursor: "2" });
    await reaches("agreed");
    send({ type: "watch.changed", source: "ownNode", changes: changes.toReversed(), cursor: "3" });
    await reaches("conflicting");
  });

  it("takes no pod CIDR without room for a router address and a pod", async () => {
    const { send, reaches, last, clock } = start();
    await reaches("awaitingApiServer");
    clock.fire(500);
    send(heard({ ...own, podCidrs: ["10.244.1.0/31"] }));
    expect(last("node.waiting")).toMatchObject({
      reason: expect.stringContaining("10.244.1.0/31 is too small"),
    });
    send(heard({ ...own, podCidrs: ["10.244.1.0/30"] }));
    await reaches("agreed");
  });

  it("goes back to rest when the Node gets its old pod CIDR again", async () => {
    const { send, reaches, last, pods } = start();
    send(heard(own));
    await reaches("agreed");
    send(ownChanged("put", moved));
    await reaches("conflicting");
    expect(pods.events.at(-1)).toEqual({
      type: "pods.refuseAttach",
      reason: expect.stringContaining("10.244.7.0/24"),
    });
    send(ownChanged("put", own));
    await reaches("agreed");
    expect(last("node.agreed")).toEqual({ type: "node.agreed", note: "" });
    expect(pods.events.at(-1)).toEqual({ type: "pods.refuseAttach", reason: "" });
  });

  it("keeps the pod CIDR when the Node is deleted or has none, and never leaves one that is configured", async () => {
    const { send, reaches, last } = start({ configured: ["10.244.1.0/24"] });
    expect(last("node.podCIDRs")).toEqual({ type: "node.podCIDRs", prefixes: ["10.244.1.0/24"] });
    send(counted(0));
    send(heard(own));
    await reaches("agreed");
    send(ownChanged("removed", own));
    await reaches("absent");
    send(ownChanged("put", unassigned));
    await reaches("agreed");
    send(ownChanged("put", moved));
    await reaches("conflicting");
    expect(last("node.moved")).toBeUndefined();
  });
});
