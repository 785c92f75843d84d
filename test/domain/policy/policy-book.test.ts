import { expect, test } from "vitest";
import type { NetworkPolicy } from "../../../src/domain/policy/network-policy.ts";
import {
  dropPolicy,
  keepPolicy,
  type ObjectProblem,
  policiesIn,
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
  const known = keepPolicy({}, { item: policy });
  const broken = keepPolicy(known, { problem });
  expect(broken).toEqual({ "shop/db": { policy, problem } });
  expect(policiesIn(broken)).toEqual([policy]);
  expect(keepPolicy(broken, { item: policy })).toEqual(known);
  const other = { ...policy, name: "web" };
  const both = keepPolicy(keepPolicy(broken, { item: other }), { problem });
  expect(both).toEqual({ "shop/db": { policy, problem }, "shop/web": { policy: other } });
  expect(dropPolicy(both, "shop/db")).toEqual({ "shop/web": { policy: other } });
});

test("one that never could be read isolates nobody, and goes like any other", () => {
  const broken = keepPolicy({}, { problem });
  expect(policiesIn(broken)).toEqual([]);
  expect(broken).toEqual({ "shop/db": { problem } });
  expect(dropPolicy(broken, "shop/db")).toEqual({});
});
