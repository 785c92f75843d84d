import { describe, expect, it } from "vitest";
import { clusterNodesMachine } from "../../../machines/cluster-nodes/cluster-nodes-machine.ts";
import type { WatchReport } from "../../../machines/watch/watch-events.ts";
import type { ClusterNode } from "../../../src/domain/kubernetes/kubernetes-objects.ts";
import { clusterNode } from "../../support/cluster-node.ts";
import { broken, brokenFailure, counted, drive, recipient } from "../../support/machines/drive.ts";

const node = (index: number, more: Partial<ClusterNode> = {}): ClusterNode =>
  clusterNode(`n${index}`, [`10.244.${index}.0/24`], more);
const bindings = (...nodes: ClusterNode[]) =>
  nodes.map(({ name, uid, tailnetNodeId, podCidrs: [prefix = ""] }) => ({
    ...{ prefix, nodeId: tailnetNodeId, node: name, uid },
  }));
const listed = (...items: ClusterNode[]): WatchReport<"nodes"> => ({
  type: "watch.listed",
  source: "nodes",
  items,
  cursor: "1",
});
const changed = (kind: "put" | "removed", item: ClusterNode): WatchReport<"nodes"> => ({
  type: "watch.changed",
  source: "nodes",
  changes: [{ kind, item }],
  cursor: "2",
});
const watch = { start: "watch", input: { source: "nodes", seed: "n1", parent: "<clusterNodes>" } };
const list = { start: "list", input: { seed: "n1", parent: "<clusterNodes>" } };
const recalled = (...nodes: ClusterNode[]) => ({
  to: "parent",
  type: "nodes.changed",
  bindings: bindings(...nodes),
});
const told = (...nodes: ClusterNode[]) => [
  {
    ...recalled(...nodes),
    addresses: Object.fromEntries(nodes.map(({ name, addresses }) => [name, addresses])),
  },
  { to: "list", type: "list.wanted", bindings: bindings(...nodes) },
];

function started() {
  const input = { seed: "n1", parent: recipient("parent"), headscale: recipient("headscale") };
  const nodes = drive(clusterNodesMachine, input);
  return { ...nodes, first: nodes.start() };
}

describe("the cluster's Nodes", () => {
  it("are told once they are known and with each change, and not without one", () => {
    const { first, send, at, actor } = started();
    expect(first).toEqual([watch, list]);
    expect(at()).toEqual({ working: "unknown" });
    expect(actor.getSnapshot().getMeta()).toMatchObject({
      "clusterNodes.working.unknown": { limit: { ms: 60_000 } },
    });
    expect(send(listed(node(1)))).toEqual(told(node(1)));
    expect(at()).toEqual({ working: { known: "whole" } });
    expect(send(listed(node(1)))).toEqual([]);
    expect(send(changed("put", node(2)))).toEqual(told(node(1), node(2)));
    expect(send(changed("put", node(2)))).toEqual([]);
  });

  it("lose a Node after it was missing for a grace period or two, and Headscale is told of its place", () => {
    const { send, fire, timers, at } = started();
    send(listed(node(1), node(2)));
    expect(send(changed("removed", node(2)))).toEqual(told(node(1), node(2)));
    expect(at()).toEqual({ working: { known: "parting" } });
    expect(timers()).toEqual([60_000]);
    expect(fire(60_000)).toEqual([]);
    expect(at()).toEqual({ working: { known: "parting" } });
    expect(fire(60_000)).toEqual([
      ...told(node(1)),
      { to: "headscale", type: "node.departed", name: "n2", prefixes: ["10.244.2.0/24"] },
    ]);
    expect(at()).toEqual({ working: { known: "whole" } });
  });

  it("keep a Node that comes back in time", () => {
    const { send, fire, timers, at } = started();
    send(listed(node(1), node(2)));
    send(listed(node(1)));
    fire(60_000);
    send(changed("put", node(2)));
    expect(at()).toEqual({ working: { known: "whole" } });
    expect(timers()).toEqual([]);
  });

  it("are watched again 5 s after the watch failed, and are known until then", () => {
    const { send, fail, fire, timers, at, context } = started();
    send(listed(node(1)));
    expect(fail("watch", broken)).toEqual([{ stop: "list" }, counted()]);
    expect(at()).toBe("crashed");
    expect(timers()).toEqual([5_000]);
    expect(fire(5_000)).toEqual([watch, list, told(node(1))[1]]);
    expect(at()).toEqual({ working: { known: "whole" } });
    expect(context().failure).toEqual(brokenFailure);
    expect(send(listed(node(1)))).toEqual([]);
    expect(context().failure).toBeNull();
  });

  it("are those of the list that was kept, until the API server is heard", () => {
    const { send } = started();
    expect(send({ type: "list.recalled", bindings: bindings(node(3)) })).toEqual([recalled(node(3))]);
    send(listed(node(1)));
    expect(send({ type: "list.recalled", bindings: bindings(node(3)) })).toEqual([]);
  });

  it("say another tailnet node once its Node does, and none for a Node that was made anew", () => {
    const { send } = started();
    send(listed(node(1), node(2)));
    const renewed = node(2, { tailnetNodeId: "9" });
    expect(send(changed("put", renewed))).toEqual(told(node(1), renewed));
    const registered = node(2, { uid: "other", tailnetNodeId: "" });
    expect(send(changed("put", registered))).toEqual(told(node(1), registered));
  });

  it("leave the prefix of a Node that is missing to another that has it now", () => {
    const { send } = started();
    send(listed(node(1), node(2)));
    send(changed("removed", node(2)));
    const heir = clusterNode("n3", ["10.244.2.0/24"], { createdAt: "2026-02-01T00:00:00Z" });
    const [report, ...others] = told(node(1), heir);
    const addresses = { n1: [], n2: [], n3: [] };
    expect(send(changed("put", heir))).toEqual([{ ...report, addresses }, ...others]);
  });
});
