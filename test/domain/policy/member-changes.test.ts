import fc from "fast-check";
import { expect, test } from "vitest";
import { addressOwners } from "../../../src/domain/policy/address-owners.ts";
import { memberChanges, ownerMoves } from "../../../src/domain/policy/member-changes.ts";
import { namespaceLabels } from "../../../src/domain/policy/pod-term.ts";
import { policyTable } from "../../../src/domain/policy/policy-table.ts";
import { membershipsIn } from "../../../src/domain/policy/set-members.ts";
import { applyTableChange, sorted } from "../../support/apply-table-change.ts";
import { anyRemoteChange } from "./any-cluster.ts";
import { worldOf } from "./compiled.ts";

test("pods that change elsewhere change the table as if it were made anew", () => {
  let changed = 0;
  fc.assert(
    fc.property(anyRemoteChange, ([from, to]) => {
      const [before, after] = [worldOf(from), worldOf({ ...to, namespaces: from.namespaces })];
      const { table, memberSets } = policyTable(before);
      const moves = ownerMoves(addressOwners(before), addressOwners(after));
      const membershipsOf = membershipsIn(memberSets, namespaceLabels(before.namespaces));
      const elements = memberChanges(memberSets, membershipsOf, moves);
      if (elements.length > 0) changed++;
      expect(sorted(applyTableChange(table, { elements }))).toEqual(sorted(policyTable(after).table));
    }),
    { numRuns: 400 },
  );
  expect(changed).toBeGreaterThan(50);
});
