import fc from "fast-check";
import { expect, test } from "vitest";
import { policyChange } from "../../../src/domain/policy/policy-change.ts";
import { policyLimits } from "../../../src/domain/policy/policy-limits.ts";
import { policyState, policyTable } from "../../../src/domain/policy/policy-table.ts";
import { applyTableChange, sorted } from "../../support/kernel/apply-table-change.ts";
import { anyChange, anyRemoteChange } from "./any-cluster.ts";
import { worldOf } from "./compiled.ts";

test.each([
  { of: "anything", changes: anyChange },
  { of: "pods and namespaces elsewhere", changes: anyRemoteChange },
])("a change of $of is the same as a table made anew", ({ changes }) => {
  let changed = 0;
  fc.assert(
    fc.property(changes, ([from, to]) => {
      const world = worldOf(from);
      const next = worldOf(to);
      // Who keeps pods keeps the objects of those that stay.
      const pods = next.pods.map(
        (pod) => world.pods.find((one) => JSON.stringify(one) === JSON.stringify(pod)) ?? pod,
      );
      const [before, after] = [policyState(world), policyState({ ...next, pods })];
      const { owners } = policyState({ ...next, pods }, policyLimits, { world, state: before });
      expect(new Map([...owners].sort())).toEqual(new Map([...after.owners].sort()));
      const change = policyChange(before, after);
      if (change.elements.length > 0 || change.rules !== undefined) changed++;
      expect(sorted(applyTableChange(policyTable(before), change))).toEqual(sorted(policyTable(after)));
      expect(policyChange(after, after)).toEqual({ elements: [] });
    }),
    { numRuns: 400 },
  );
  expect(changed).toBeGreaterThan(50);
});
