import fc from "fast-check";
import type { Member } from "../../../src/domain/headscale-policy/aliases.ts";
import {
  type ClusterFacts,
  type PolicyNeeds,
  type PolicySettings,
  policyNeeds,
} from "../../../src/domain/headscale-policy/policy-needs.ts";

const tag = "tag:k8s-node";

const settings: fc.Arbitrary<PolicySettings> = fc.record({
  supernets: fc.constantFrom(
    ["10.244.0.0/16"],
    ["10.244.0.0/16", "fd00:10:244::/48"],
    ["fd00:10:244::/48"],
    ["10.0.0.0/9", "fd00::/16"],
    ["10.244.0.0/30"],
  ),
  mode: fc.constantFrom("daemon", "host"),
  approves: fc.boolean(),
  tags: fc.constant([tag]),
});

/** Machines with the cluster's tag, with others as well, of users. */
const members: fc.Arbitrary<readonly Member[]> = fc.uniqueArray(
  fc.constantFrom<Member>(
    { names: [tag] },
    { names: ["tag:home", tag] },
    { names: ["tag:db"] },
    { names: ["alice@"] },
    { names: ["bob@example.org"] },
  ),
  { minLength: 1, maxLength: 4 },
);

const facts: fc.Arbitrary<ClusterFacts | undefined> = fc.option(
  fc.record({
    nodes: fc.array(
      fc.record({
        name: fc.constantFrom("n1", "n2"),
        addresses: fc.subarray(["192.0.2.1", "100.64.0.1", "fd7a:115c:a1e0::1", "10.244.1.1"]),
        kubeletPort: fc.constantFrom(10_250, 10_260),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    apiServer: fc.option(
      fc.subarray([
        { address: "100.64.0.1", port: 6443, names: [] },
        { address: "100.64.0.9", port: 443, names: [] },
        { address: "fd7a:115c:a1e0::9", port: 6443, names: ["carol@"] },
        { address: "192.0.2.9", port: 6443, names: [] },
      ]),
      { nil: undefined },
    ),
  }),
  { nil: undefined },
);

/** What some cluster needs. */
export const arbitraryNeeds: fc.Arbitrary<PolicyNeeds> = fc
  .tuple(settings, members, facts)
  .map((parts) => policyNeeds(...parts));
