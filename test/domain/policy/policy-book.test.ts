import { expect, test } from "vitest";
import type { NetworkPolicy } from "../../../src/domain/policy/network-policy.ts";
import {
  keptPolicy,
  type ObjectProblem,
  policiesIn,
  unreadablePolicies,
} from "../../../src/domain/policy/policy-book.ts";

const policy: NetworkPolicy = { namespace: "shop", name: "db", pods: [], ingress: [] };
const problem: ObjectProblem = {
  ...{
    code: "UNKNOWN_SHAPE",
    kind: "NetworkPolicy",
    namespace: "shop",
    name: "db",
    path: "spec",
    text: "what",
  },
};

test("a policy that cannot be read leaves what it said before in force, and is named until it can", () => {
  const known = keptPolicy(undefined, { item: policy });
  const broken = keptPolicy(known, { problem });
  expect(broken).toEqual({ policy, problem });
  expect(policiesIn({ "shop/db": broken })).toEqual([policy]);
  expect(unreadablePolicies({ "shop/db": broken })).toEqual([problem]);
  expect(keptPolicy(broken, { item: policy })).toEqual(known);
  expect(unreadablePolicies({ "shop/db": known })).toEqual([]);
});

test("one that never could be read isolates nobody", () => {
  const broken = keptPolicy(undefined, { problem });
  expect(broken).toEqual({ problem });
  expect(policiesIn({ "shop/db": broken })).toEqual([]);
});
