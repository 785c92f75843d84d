import { expect, test } from "vitest";
import { createStyle } from "../../../src/cli/output/style.ts";
import {
  type PolicyTraceDocument,
  policyTraceDocument,
} from "../../../src/cli/policy-trace/policy-trace-document.ts";
import { policyTraceText } from "../../../src/cli/policy-trace/policy-trace-text.ts";
import type { NodeTrace, NodeTraceEnd, NodeTraceHalf } from "../../../src/domain/policy/node-trace.ts";
import type { AskedNode } from "../../../src/domain/policy/trace-verdict.ts";

const paper = { style: createStyle(false), width: 100 };
const words = { from: "shop/web", to: "shop/db", port: "80" };
const text = (nodes: readonly AskedNode[]) => policyTraceText(policyTraceDocument(words, nodes), paper);
const open: NodeTraceHalf = { allowed: true, because: "notIsolated", here: true, policies: [] };
const end = (pod: string | null, address: string, node: string | null, more: Partial<NodeTraceEnd> = {}) => ({
  ...{ pod, address, node, nodeAddress: null, hostNetwork: false },
  ...more,
});
const trace = (more: Partial<NodeTrace>): NodeTrace => ({
  ...{ code: "TRACED", protocol: "TCP", port: 80, egress: open, ingress: open },
  source: end("shop/web", "10.244.1.7", "n1"),
  destination: end("shop/db", "10.244.1.8", "n1"),
  ...more,
});
const said = (answer: AskedNode["answer"] & object, notes: readonly string[] = []): AskedNode => ({
  ...{ node: "n1", notes, answer },
});

test("each end has its verdict, its node, and what each of its policies says", () => {
  const ingress: NodeTraceHalf = {
    ...{ allowed: false, because: "notAllowed", here: true },
    policies: [
      { policy: "shop/none", allows: false, rules: [], problem: null },
      {
        policy: "shop/some",
        allows: false,
        rules: [
          { peers: false, ports: true },
          { peers: false, ports: false },
        ],
        problem: "cannot be read: spec: what",
      },
    ],
  };
  expect(text([said(trace({ ingress }), ["a change is not in force yet"])])).toBe(
    [
      "denied: shop/web (10.244.1.7) -> shop/db (10.244.1.8), TCP 80",
      "",
      "egress   allowed on n1: no policy isolates shop/web for egress",
      "",
      "ingress  denied on n1: policies isolate shop/db, and none allows it",
      "           shop/none: isolates, and has no rules",
      '           shop/some: isolates: ingress[0] has another "from"; ingress[1] has another "from" and',
      "           other ports. It is not enforced as written: cannot be read: spec: what",
      "",
      "note  n1: a change is not in force yet",
    ].join("\n"),
  );
});

test("what allows is named by its rule, and an address by what it arrives as", () => {
  const rules = [
    { peers: false, ports: true },
    { peers: true, ports: true },
  ];
  const policies = [{ policy: "shop/some", allows: true, rules, problem: null }];
  const source = end("shop/agent", "10.244.2.1", null, { nodeAddress: "192.0.2.2", hostNetwork: true });
  const egress: NodeTraceHalf = { ...open, because: "noPod", here: false };
  const ingress: NodeTraceHalf = { ...open, because: "allowed", policies };
  const told = text([said(trace({ source, egress, ingress }))]);
  for (const part of [
    "allowed: shop/agent (192.0.2.2, which arrives as 10.244.2.1) -> shop/db",
    "allowed: shop/agent is in its node's network, where no policy judges it",
    "shop/some: allows it (ingress[1])",
  ])
    expect(told).toContain(part);
});

test("no line is longer than the paper", () => {
  const destination = end(
    "a-namespace-of-some-length/a-pod-of-a-deployment-7d9c5b8f9-x2x4z",
    "10.244.1.8",
    "n1",
  );
  for (const line of text([said(trace({ destination }))]).split("\n"))
    expect(line.length).toBeLessThanOrEqual(100);
});

test("what another node thinks is no verdict", () => {
  const destination = end("shop/db", "10.244.2.8", "n2");
  const ingress: NodeTraceHalf = { ...open, allowed: false, because: "notAllowed", here: false };
  const told = text([said(trace({ destination, ingress }))]);
  expect(told).toMatch(/^cannot be told: /);
  expect(told).toContain("ingress  denied on n2, as another node thinks: ");
  expect(told).toContain("why   n2 was not asked: give --kubeconfig, or run the same with --here on n2");
});

test.each([
  [{ code: "NOT_ENFORCED" }, "n1 enforces no NetworkPolicies"],
  [{ code: "NOT_KNOWN" }, "headcnictl machines --machine policy on n1"],
  [{ code: "NO_SUCH_POD", end: "shop/wep", nearest: "shop/web" }, "no pod shop/wep; did you mean shop/web?"],
  [{ code: "NO_SUCH_POD", end: "shop/wep", nearest: null }, "n1 knows no pod shop/wep"],
  [{ code: "NO_ADDRESS", end: "shop/web" }, "shop/web has no address"],
  [{ code: "NO_COMMON_FAMILY" }, "no IP family in common"],
  [{ code: "NO_POD" }, "neither end is a pod"],
  [
    { code: "NO_SUCH_PORT", port: "web", known: ["http (80/TCP)"] },
    "names no port web: it has http (80/TCP)",
  ],
  [{ code: "NO_SUCH_PORT", port: "web", known: [] }, "names no port web: give a number"],
  [{ code: "SEVERAL_PORTS", port: "dns", known: ["dns (53/TCP)", "dns (53/UDP)"] }, "several ports dns (dns"],
] as const)("%j is told with what would be right", (answer, part) => {
  const told = text([said(answer as AskedNode["answer"] & object)]);
  expect(told).toMatch(/^cannot be told: shop\/web -> shop\/db, port 80\n/);
  expect(told.replace(/\s+/g, " ")).toContain(part);
});

test("a node that fails and a pod without an attachment are named", () => {
  const destination = end("shop/db", "10.244.2.8", "n2");
  const failed: AskedNode = { node: "n2", failure: "no route to host" };
  const first = said(trace({ destination }));
  expect(text([first, failed])).toContain("why   n2 does not answer: no route to host");
  const document: PolicyTraceDocument = policyTraceDocument(words, [
    first,
    { node: "n2", notes: [], answer: trace({ destination, ingress: { ...open, here: false } }) },
  ]);
  expect(policyTraceText(document, paper)).toContain("n2 has no attachment of shop/db");
});
