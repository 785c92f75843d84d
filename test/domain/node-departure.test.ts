import { expect, test } from "vitest";
import { departuresFor } from "../../src/domain/node-departure.ts";
import { changeNodes, emptyLedger, listNodes, turnLedger } from "../../src/domain/node-ledger.ts";

const names = Array.from({ length: 20 }, (_, index) => `n${index}`);
const node = (name: string) => ({ name, podCidrs: [`10.244.${name.slice(1)}.0/24`], addresses: [] });
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

test("a node that is itself missing sees to nothing", () => {
  const missing = turnLedger(without(...names));
  const after = turnLedger(missing);
  expect(names.flatMap((name) => departuresFor(name, missing, after))).toEqual([]);
});

test("a Node in its grace period has not left", () => {
  const before = without("n3");
  expect(names.flatMap((name) => departuresFor(name, before, turnLedger(before)))).toEqual([]);
});
