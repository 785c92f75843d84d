import { expect, test } from "vitest";
import { departuresFor } from "../../../src/domain/kubernetes/node-departure.ts";
import {
  changeNodes,
  emptyLedger,
  listNodes,
  turnLedger,
} from "../../../src/domain/kubernetes/node-ledger.ts";
import { clusterNode } from "../../support/cluster-node.ts";

const names = Array.from({ length: 20 }, (_, index) => `n${index}`);
const node = (name: string) => clusterNode(name, [`10.244.${name.slice(1)}.0/24`]);
const all = listNodes(emptyLedger, names.map(node));
const without = (...gone: readonly string[]) =>
  changeNodes(
    all,
    gone.map((name) => ({ kind: "removed" as const, item: node(name) })),
  );

test("two nodes see to one that left, and all nodes agree which", () => {
  const missing = turnLedger(without("n3"));
  const after = turnLedger(missing);
  const attendants = names.filter((name) => departuresFor(name, missing, after).length > 0);
  expect(attendants).toHaveLength(2);
  for (const name of attendants) expect(departuresFor(name, missing, after)).toEqual([node("n3")]);
});

test("in whatever order the Nodes were told, the same two see to it, others to another one", () => {
  const reversed = listNodes(emptyLedger, names.toReversed().map(node));
  const attendants = (ledger: typeof all, departed: string) => {
    const gone = turnLedger(changeNodes(ledger, [{ kind: "removed", item: node(departed) }]));
    return names.filter((name) => departuresFor(name, gone, turnLedger(gone)).length > 0);
  };
  expect(attendants(reversed, "n3")).toEqual(attendants(all, "n3"));
  expect(new Set(names.map((name) => attendants(all, name).join())).size).toBeGreaterThan(10);
  const [first = ""] = attendants(all, "n3");
  const awayToo = changeNodes(all, [{ kind: "removed", item: node(first) }]);
  const gone = turnLedger(changeNodes(all, [{ kind: "removed", item: node("n3") }]));
  const after = { ...turnLedger(gone), missing: awayToo.missing };
  const others = names.filter((name) => departuresFor(name, gone, after).length > 0);
  expect(others).toHaveLength(2);
  expect(others).not.toContain(first);
});

test("a node that is itself missing sees to nothing", () => {
  const missing = turnLedger(without(...names));
  const after = turnLedger(missing);
  expect(names.flatMap((name) => departuresFor(name, missing, after))).toEqual([]);
});

test("a Node in its grace period has not left", () => {
  const before = without("n3");
  expect(names.flatMap((name) => departuresFor(name, before, turnLedger(before)))).toEqual([]);
});
