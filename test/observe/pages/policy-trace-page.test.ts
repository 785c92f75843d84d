import { expect, test } from "vitest";
import type { PolicyContext } from "../../../machines/policy/policy-events.ts";
import { policyMachine } from "../../../machines/policy/policy-machine.ts";
import { initialPolicy } from "../../../machines/policy/policy-setup.ts";
import {
  policyTracePage,
  policyTracePageSchema,
  policyTracePath,
} from "../../../src/observe/pages/policy-trace-page.ts";
import { clusterNodes } from "../../domain/policy/any-cluster.ts";
import { ledgerOf } from "../../domain/policy/compiled.ts";

const ledger = ledgerOf({
  policies: [{ metadata: { namespace: "shop", name: "all" }, spec: { podSelector: {}, ingress: [{}] } }],
  namespaces: [],
  pods: [
    {
      metadata: { namespace: "shop", name: "db", uid: "db", creationTimestamp: "" },
      spec: { nodeName: "n1", containers: [] },
      status: { phase: "Running", podIPs: [{ ip: "10.244.1.10" }] },
    },
  ],
  nodes: clusterNodes,
  attached: [{ podUid: "db", namespace: "shop", addresses: ["10.244.1.10"] }],
});
const enforced = { numbers: { isolated: 1, elements: 0 }, problems: [], narrows: false };

function ask(
  { table = "inForce", knowledge = "current" }: { readonly table?: string; readonly knowledge?: string },
  more: Partial<PolicyContext> = {},
) {
  const snapshot = policyMachine.resolveState({
    value: { working: { table, knowledge, calls: "answering", objects: "readable" } },
    context: { ...initialPolicy({ seed: "n1" }), ledger, inForce: ledger, enforced, ...more },
  });
  const path = policyTracePath({ from: "203.0.113.9", to: "shop/db", port: "80" });
  return policyTracePageSchema.parse(policyTracePage(snapshot, "n1", new URL(path, "http://localhost")));
}

test("the answer follows from what is in force, not from what was heard since", () => {
  const heard = { ...ledger, policies: {} };
  const { node, answer, notes } = ask({}, { ledger: heard });
  expect({ node, answer }).toMatchObject({
    ...{ node: "n1", answer: { code: "TRACED", protocol: "TCP", port: 80 } },
  });
  expect(answer).toMatchObject({ ingress: { because: "allowed", policies: [{ policy: "shop/all" }] } });
  expect(notes).toEqual(["a change of the last moment is not in force yet"]);
});

test("what is refused allows nothing", () => {
  const problems = [{ code: "TOO_MANY_PEERS", policies: ["shop/all"], limit: 3 }] as const;
  expect(ask({}, { enforced: { ...enforced, problems } }).answer).toMatchObject({
    ingress: { because: "notAllowed", policies: [{ problem: expect.stringContaining("more than 3 peers") }] },
  });
});

test("what is not as it should be is said beside it", () => {
  expect(ask({}).notes).toEqual([]);
  expect(ask({ knowledge: "stale" }).notes).toEqual([
    "it does not hear of changes from the API server: what was in force before stays",
  ]);
  const failure = { code: "COMMAND_FAILED", message: "no memory" };
  expect(ask({ table: "backingOff" }, { ledger: { ...ledger }, failure }).notes).toEqual([
    "its kernel does not take the latest change: no memory",
  ]);
});

test("before anything is in force it does not know, and without the machine nothing is enforced", () => {
  expect(ask({ table: "awaiting" }, { inForce: null, enforced: null }).answer).toEqual({ code: "NOT_KNOWN" });
  const url = new URL(policyTracePath({ from: "shop/a", to: "shop/b", port: "80" }), "http://localhost");
  expect(policyTracePage(undefined, "n1", url)).toEqual({
    ...{ node: "n1", notes: [], answer: { code: "NOT_ENFORCED" } },
  });
});

test("a question that cannot be read is answered with the reason", () => {
  const url = new URL("http://localhost/debug/policy-trace?from=shop/a");
  expect(policyTracePage(undefined, "n1", url)).toEqual({ error: expect.stringContaining('""') });
});
