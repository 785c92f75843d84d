import fc from "fast-check";
import { expect, test } from "vitest";
import { policyState, policyTable } from "../../../src/domain/policy/policy-table.ts";
import { passageOf } from "../../support/kernel/packet-filter.ts";
import { anyCluster, anyOpener } from "./any-cluster.ts";
import { packetOf, worldOf } from "./compiled.ts";
import { isAllowed } from "./policy-oracle.ts";

test("the table lets through what Kubernetes' words allow, in any cluster", () => {
  const seen = { isolated: 0, allowed: 0, refused: 0 };
  fc.assert(
    fc.property(anyCluster, fc.array(anyOpener, { minLength: 40, maxLength: 40 }), (cluster, openers) => {
      const table = policyTable(policyState(worldOf(cluster)));
      if (table.maps?.some(({ elements }) => elements.length > 0) === true) seen.isolated++;
      for (const opener of openers) {
        const wanted = isAllowed(cluster, opener);
        seen[wanted ? "allowed" : "refused"]++;
        expect({ opener, passes: passageOf([table], packetOf(opener)).passes }).toEqual({
          opener,
          passes: wanted,
        });
      }
    }),
    { numRuns: 400 },
  );
  expect(seen.isolated).toBeGreaterThan(200);
  expect(Math.min(seen.allowed, seen.refused)).toBeGreaterThan(2_000);
});
