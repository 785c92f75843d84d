import { describe, expect, it } from "vitest";
import { createActor, fromCallback, fromPromise } from "xstate";
import {
  type ClusterNodesReport,
  clusterNodesMachine,
} from "../../../machines/cluster-nodes/cluster-nodes-machine.ts";
import { nodeListMachine } from "../../../machines/cluster-nodes/node-list-machine.ts";
import type { HeadscaleEvent } from "../../../machines/headscale/headscale-jobs.ts";
import type { WatchReport } from "../../../machines/watch/watch-events.ts";
import { watchMachine } from "../../../machines/watch/watch-machine.ts";
import type { NodeBinding } from "../../../src/domain/kubernetes/node-bindings.ts";
import { clusterNode } from "../../support/cluster-node.ts";
import { manualClock } from "../../support/machines/manual-clock.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";

const peer = clusterNode("n2", ["10.244.2.0/24"]);
const nodes = (...items: (typeof peer)[]): WatchReport<"nodes"> => ({
  type: "watch.listed",
  source: "nodes",
  items,
  cursor: "1",
});
const peerChanged = (kind: "put" | "removed"): WatchReport<"nodes"> => ({
  type: "watch.changed",
  source: "nodes",
  changes: [{ kind, item: peer }],
  cursor: "2",
});

function start() {
  const clock = manualClock();
  const parent = recorder<ClusterNodesReport>();
  const headscale = recorder<HeadscaleEvent>();
  const silent = watchMachine.provide({ actors: { follow: fromCallback(() => undefined) } });
  const list = nodeListMachine.provide({
    actors: {
      recall: fromPromise<readonly NodeBinding[] | null, void>(async () => null),
      write: fromPromise<readonly NodeBinding[], { readonly bindings: readonly NodeBinding[] }>(
        async ({ input: { bindings } }) => bindings,
      ),
    },
  });
  const actor = createActor(clusterNodesMachine.provide({ actors: { watch: silent, list } }), {
    input: { seed: "n1", parent: parent.ref, headscale: headscale.ref },
    clock,
  }).start();
  return {
    clock,
    parent,
    departed: headscale.events,
    send: (event: WatchReport<"nodes">) => actor.send(event),
    state: () => actor.getSnapshot().value,
  };
}

describe("the machine of the cluster's Nodes", () => {
  it("takes every transition", async () => {
    await walkAllTransitions(clusterNodesMachine, {
      input: {
        seed: "n1",
        parent: recorder<ClusterNodesReport>().ref,
        headscale: recorder<HeadscaleEvent>().ref,
      },
      events: [
        nodes(),
        nodes(peer),
        peerChanged("put"),
        peerChanged("removed"),
        { type: "watch.lost", source: "nodes", failure: { code: "UNREACHABLE", message: "away" } },
        { type: "watch.restored", source: "nodes" },
        { type: "list.recalled", bindings: [] },
      ],
      outcomes: { watch: { done: [] }, list: { done: [] } },
    });
  });

  it("knows them once they are listed, also when there is none", () => {
    const { send, state } = start();
    expect(state()).toEqual({ working: "unknown" });
    send(nodes());
    expect(state()).toEqual({ working: { known: "whole" } });
  });

  it("tells the cluster's Nodes, also when there is none, and not what it told before", () => {
    const { send, parent } = start();
    const told = () => parent.events.length;
    send(nodes());
    expect(told()).toBe(1);
    send(peerChanged("put"));
    expect(told()).toBe(2);
    send(peerChanged("put"));
    send(nodes(peer));
    expect(told()).toBe(2);
  });

  it("counts a Node that disappeared for one to two grace periods, and one that came back for ever", () => {
    const { send, clock, parent } = start();
    const names = () => parent.events.at(-1)?.bindings.map(({ node }) => node);
    send(nodes(peer));
    send(peerChanged("removed"));
    clock.fire(60_000);
    expect(names()).toEqual(["n2"]);
    send(peerChanged("put"));
    send(peerChanged("removed"));
    clock.fire(60_000);
    expect(names()).toEqual(["n2"]);
    clock.fire(60_000);
    expect(names()).toEqual([]);
  });

  it("does not miss a Node that was deleted and registered again within one piece of the stream", () => {
    const { send, state } = start();
    send(nodes(peer));
    const changes = (["removed", "put"] as const).map((kind) => ({ kind, item: peer }));
    send({ type: "watch.changed", source: "nodes", changes, cursor: "2" });
    expect(state()).toEqual({ working: { known: "whole" } });
  });

  it("tells of a Node that left for good once, and of none while its own is away", () => {
    const self = clusterNode("n1", ["10.244.1.0/24"]);
    const { send, clock, departed } = start();
    send(nodes(self, peer));
    send(peerChanged("removed"));
    clock.fire(60_000);
    expect(departed).toEqual([]);
    clock.fire(60_000);
    expect(departed).toEqual([{ type: "node.departed", name: "n2", prefixes: ["10.244.2.0/24"] }]);
    const alone = start();
    alone.send(nodes(peer));
    alone.send(peerChanged("removed"));
    alone.clock.fire(60_000);
    alone.clock.fire(60_000);
    expect(alone.departed).toEqual([]);
  });
});
