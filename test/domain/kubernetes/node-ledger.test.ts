import { expect, test } from "vitest";
import {
  changeNodes,
  emptyLedger,
  listNodes,
  turnLedger,
} from "../../../src/domain/kubernetes/node-ledger.ts";
import { clusterNode } from "../../support/cluster-node.ts";

const node = (name: string, podCidr = "10.244.1.0/24", address = "192.0.2.1") =>
  clusterNode(name, [podCidr], { addresses: [address] });
const put = (item: ReturnType<typeof node>) => ({ kind: "put" as const, item });
const removed = (item: ReturnType<typeof node>) => ({ kind: "removed" as const, item });
const names = ({ nodes }: typeof emptyLedger) => Object.keys(nodes);

const two = listNodes(emptyLedger, [node("a"), node("b")]);

test("a Node that disappears counts until it was missing at two turns", () => {
  const gone = listNodes(two, [node("a")]);
  expect(gone.missing).toEqual({ b: "new" });
  const once = turnLedger(gone);
  expect(once).toEqual({ nodes: two.nodes, missing: { b: "old" } });
  expect(turnLedger(once)).toEqual({ nodes: { a: node("a") }, missing: {} });
});

test("one that comes back counts as if it had never been away", () => {
  const gone = turnLedger(changeNodes(two, [removed(node("b"))]));
  const back = changeNodes(gone, [put(node("b"))]);
  expect(back).toEqual(two);
  expect(turnLedger(turnLedger(back))).toEqual(two);
});

test("what says nothing new gives the same ledger", () => {
  expect(changeNodes(two, [put(node("a"))])).toBe(two);
  expect(listNodes(two, [node("b"), node("a")])).toBe(two);
  expect(changeNodes(two, [removed(node("never"))])).toBe(two);
  const gone = changeNodes(two, [removed(node("b"))]);
  expect(changeNodes(gone, [removed(node("b"))])).toBe(gone);
  expect(changeNodes(two, [])).toBe(two);
});

test("another pod CIDR, address, UID or tailnet node is news", () => {
  const moved = changeNodes(two, [put(node("a", "10.244.9.0/24"))]);
  expect(moved.nodes["a"]?.podCidrs).toEqual(["10.244.9.0/24"]);
  const renumbered = changeNodes(two, [put(node("a", "10.244.1.0/24", "192.0.2.9"))]);
  expect(renumbered.nodes["a"]?.addresses).toEqual(["192.0.2.9"]);
  for (const other of [{ uid: "u2" }, { tailnetNodeId: "9" }])
    expect(changeNodes(two, [put({ ...node("a"), ...other })]).nodes["a"]).toMatchObject(other);
  expect(two.nodes["a"]).toEqual(node("a"));
});

test("a turn forgets only who was missing before the last one", () => {
  const first = turnLedger(changeNodes(two, [removed(node("a"))]));
  const second = turnLedger(changeNodes(first, [removed(node("b"))]));
  expect(names(second)).toEqual(["b"]);
  expect(second.missing).toEqual({ b: "old" });
});
