import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createPolicyMemory } from "../../../src/adapters/state-files/policy-memory-file.ts";
import { nameOf } from "../../../src/domain/policy/network-policy.ts";
import type { ObjectProblem } from "../../../src/domain/policy/policy-book.ts";
import type { PolicyMemory } from "../../../src/domain/policy/policy-ledger.ts";
import { anyChange } from "../../domain/policy/any-cluster.ts";
import { worldOf } from "../../domain/policy/compiled.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const { signal } = new AbortController();
const path = () => join(temporaryDirectory(), "state", "policies.json");
const problem: ObjectProblem = {
  ...{ code: "UNKNOWN_SHAPE", kind: "NetworkPolicy", namespace: "a", name: "b", path: "spec", text: "" },
};

test("what is remembered is read as it was, whatever policies there are", async () => {
  const file = path();
  const memory = createPolicyMemory(file);
  for (const [cluster] of fc.sample(anyChange, { seed: 1, numRuns: 100 })) {
    const { policies, namespaces, pods } = worldOf(cluster);
    const known: PolicyMemory = {
      policies: {
        ...Object.fromEntries(policies.map((policy) => [nameOf(policy), { policy }])),
        ...{ "a/b": { problem } },
      },
      namespaces: Object.fromEntries(namespaces.map((namespace) => [namespace.name, namespace])),
      pods: Object.fromEntries(pods.map((pod) => [nameOf(pod), pod])),
    };
    await memory.write(known, signal);
    expect(await memory.read()).toEqual(known);
  }
});

test("there is nothing to remember where the file is none, or none of this release", async () => {
  const file = path();
  const memory = createPolicyMemory(file);
  expect(await memory.read()).toBe(null);
  await memory.write({ policies: {}, namespaces: {}, pods: {} }, signal);
  for (const text of ["", "{", "null", '{"version":2,"policies":{},"namespaces":{},"pods":{}}']) {
    await writeFile(file, text);
    expect(await memory.read()).toBe(null);
  }
});
