import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { NftTable } from "../../../src/domain/nftables/nft-table.ts";
import { policyState, policyTable } from "../../../src/domain/policy/policy-table.ts";
import { changeDocument, tableChange } from "../../../src/domain/policy/table-change.ts";
import { applyTableChange, sorted } from "../../support/kernel/apply-table-change.ts";
import { anyChange, anyRemoteChange } from "./any-cluster.ts";
import { worldOf } from "./compiled.ts";

const tableOf = (cluster: Parameters<typeof worldOf>[0]) => policyTable(policyState(worldOf(cluster)));

test("a change leads from what is in force to what is wanted", () => {
  let changed = 0;
  fc.assert(
    fc.property(anyChange, ([from, to]) => {
      const [before, after] = [tableOf(from), tableOf(to)];
      const change = tableChange(before, after);
      if (change.rules !== undefined) changed++;
      expect(sorted(applyTableChange(before, change))).toEqual(sorted(after));
      expect(tableChange(after, after)).toEqual({ elements: [] });
    }),
    { numRuns: 400 },
  );
  expect(changed).toBeGreaterThan(100);
});

test("what changes elsewhere changes elements and no rule", () => {
  let changed = 0;
  fc.assert(
    fc.property(anyRemoteChange, ([from, to]) => {
      const [before, after] = [tableOf(from), tableOf(to)];
      const { rules, elements } = tableChange(before, after);
      expect(rules).toBeUndefined();
      if (elements.length > 0) changed++;
      expect(sorted(applyTableChange(before, { elements }))).toEqual(sorted(after));
    }),
    { numRuns: 400 },
  );
  expect(changed).toBeGreaterThan(50);
});

describe("of one table", () => {
  const rule = (name: string) => ({ name, statements: [{ drop: null }] });
  const before: NftTable = {
    name: "t",
    chains: [],
    sets: [{ name: "s", type: "ipv4_addr", single: true, elements: ["10.0.0.1", "10.0.0.2"] }],
    maps: [{ name: "m", type: "ipv4_addr", elements: [["10.0.0.1", "a"]] }],
    subchains: [{ name: "a", rules: [rule("one")] }],
  };

  test("elements that come and go are no change of rules", () => {
    const after: NftTable = {
      ...before,
      sets: [{ name: "s", type: "ipv4_addr", single: true, elements: ["10.0.0.2", "10.0.0.3"] }],
    };
    expect(tableChange(before, after)).toEqual({
      elements: [{ kind: "set", name: "s", type: ["ipv4_addr"], remove: ["10.0.0.1"], add: ["10.0.0.3"] }],
    });
  });

  test("another chain for an address takes the former one out first", () => {
    const after: NftTable = {
      ...before,
      subchains: [...(before.subchains ?? []), { name: "b", rules: [] }],
      maps: [{ name: "m", type: "ipv4_addr", elements: [["10.0.0.1", "b"]] }],
    };
    expect(tableChange(before, after).elements).toEqual([
      { kind: "map", name: "m", type: ["ipv4_addr"], remove: [["10.0.0.1", "a"]], add: [["10.0.0.1", "b"]] },
    ]);
  });

  test("a chain of the same name with other rules takes its place, in one document", () => {
    const after: NftTable = { ...before, subchains: [{ name: "a", rules: [rule("two")] }] };
    const { rules, elements } = tableChange(before, after);
    expect(rules?.chains).toEqual([{ name: "a", rules: [rule("two")] }]);
    if (rules === undefined) return;
    expect(changeDocument("t", { rules, elements })).toEqual({
      nftables: [
        { add: { chain: { family: "inet", table: "t", name: "a" } } },
        { flush: { chain: { family: "inet", table: "t", name: "a" } } },
        {
          add: {
            rule: {
              ...{ family: "inet", table: "t", chain: "a" },
              comment: expect.stringMatching(/^headcni:two:/),
              expr: [{ drop: null }],
            },
          },
        },
      ],
    });
  });

  test("what goes goes after all that refers to it", () => {
    const after: NftTable = {
      ...before,
      sets: [],
      maps: [{ name: "m", type: "ipv4_addr", elements: [] }],
      subchains: [],
    };
    const { rules, elements } = tableChange(before, after);
    if (rules === undefined) throw new Error("no rules");
    const { nftables } = changeDocument("t", { rules, elements }) as { readonly nftables: readonly object[] };
    expect(
      nftables.map((command) => JSON.stringify(command).replaceAll(/"family":"inet","table":"t",/g, "")),
    ).toEqual([
      '{"delete":{"element":{"name":"m","elem":[["10.0.0.1",{"jump":{"target":"a"}}]]}}}',
      '{"flush":{"chain":{"name":"a"}}}',
      '{"delete":{"chain":{"name":"a"}}}',
      '{"delete":{"set":{"name":"s"}}}',
    ]);
  });
});
