import { expect, test } from "vitest";
import { traceOnNode } from "../../../src/domain/policy/node-trace.ts";
import type { ObjectProblem } from "../../../src/domain/policy/policy-book.ts";
import type { PolicyProblem } from "../../../src/domain/policy/policy-limits.ts";
import { readFlow } from "../../../src/domain/policy/trace-question.ts";
import { clusterNodes } from "./any-cluster.ts";
import type { ApiCluster, ApiContainerPort, ApiPod } from "./api-objects.ts";
import { ledgerOf } from "./compiled.ts";

const pod = (
  name: string,
  [node, ip]: readonly [string, string],
  ports: readonly ApiContainerPort[] = [],
  more: Partial<ApiPod["spec"]> = {},
): ApiPod => ({
  metadata: { namespace: "shop", name, uid: name, creationTimestamp: "", labels: { app: name } },
  spec: { nodeName: node, containers: [{ ports }], ...more },
  status: { phase: "Running", podIPs: ip === "" ? [] : [{ ip }] },
});
const web = { name: "web", containerPort: 8080 };
const dns = [
  { name: "dns", containerPort: 53 },
  { name: "dns", containerPort: 53, protocol: "UDP" as const },
];
const cluster: ApiCluster = {
  policies: [
    {
      metadata: { namespace: "shop", name: "web-to-db" },
      spec: {
        podSelector: { matchLabels: { app: "db" } },
        ingress: [{ from: [{ podSelector: {} }], ports: [{ port: "web" }] }],
      },
    },
  ],
  namespaces: [{ metadata: { name: "shop" } }],
  pods: [
    pod("db", ["n1", "10.244.1.10"], [web, ...dns]),
    pod("client", ["n2", "10.244.2.10"]),
    pod("agent", ["n2", "192.0.2.2"], [], { hostNetwork: true }),
    pod("new", ["n2", ""]),
  ],
  nodes: clusterNodes,
  attached: [{ podUid: "db", namespace: "shop", addresses: ["10.244.1.10"] }],
};

function ask(
  from: string,
  to: string,
  port: string,
  more: { problems?: readonly PolicyProblem[]; of?: ApiCluster } = {},
) {
  const { flow, problem } = readFlow(from, to, port);
  if (problem !== undefined) throw new Error(problem);
  const ledger = ledgerOf(more.of ?? cluster);
  return traceOnNode({ node: "n1", ledger, problems: more.problems ?? [] }, flow);
}

test("a port's name is the receiver's", () => {
  expect(ask("shop/client", "shop/db", "web")).toMatchObject({
    ...{ code: "TRACED", protocol: "TCP", port: 8080, ingress: { allowed: true, here: true } },
    source: { pod: "shop/client", node: "n2" },
    destination: { pod: "shop/db", node: "n1" },
  });
  expect(ask("shop/client", "10.244.1.10", "dns/udp")).toMatchObject({ protocol: "UDP", port: 53 });
  expect(ask("shop/client", "shop/db", "http")).toEqual({
    ...{ code: "NO_SUCH_PORT", port: "http", known: ["web (8080/TCP)", "dns (53/TCP)", "dns (53/UDP)"] },
  });
  expect(ask("shop/client", "shop/db", "dns")).toEqual({
    ...{ code: "SEVERAL_PORTS", port: "dns", known: ["dns (53/TCP)", "dns (53/UDP)"] },
  });
  expect(ask("shop/db", "203.0.113.9", "web")).toEqual({ code: "NO_SUCH_PORT", port: "web", known: [] });
});

test.each([
  { from: "shop/clients", nearest: "shop/client" },
  { from: "default/client", nearest: "shop/client" },
  { from: "shop/x", nearest: null },
])("no such pod: $from, and the one that was meant", ({ from, nearest }) => {
  expect(ask(from, "shop/db", "80")).toEqual({ code: "NO_SUCH_POD", end: from, nearest });
});

test("a pod without an address, addresses that are no pods' and of two families", () => {
  expect(ask("shop/new", "shop/db", "80")).toEqual({ code: "NO_ADDRESS", end: "shop/new" });
  expect(ask("203.0.113.9", "10.96.0.1", "80")).toEqual({ code: "NO_POD" });
  expect(ask("shop/db", "2001:db8::9", "80")).toEqual({ code: "NO_COMMON_FAMILY" });
});

test("a pod in its node's network is named, judged by nobody, and arrives as its node's router address", () => {
  expect(ask("shop/agent", "shop/db", "8080")).toMatchObject({
    source: {
      ...{ address: "10.244.2.1", nodeAddress: "192.0.2.2", pod: "shop/agent" },
      ...{ node: null, hostNetwork: true },
    },
    egress: { allowed: true, because: "noPod" },
    ingress: { allowed: false, because: "notAllowed", here: true },
  });
});

test("an attached pod of which nobody was told is this node's", () => {
  const attached = [{ podUid: "stranger", namespace: "shop", addresses: ["10.244.1.20"] }];
  expect(ask("10.244.1.20", "203.0.113.9", "80", { of: { ...cluster, attached } })).toMatchObject({
    ...{ source: { pod: null, node: "n1" }, egress: { allowed: false, because: "unknownPod", here: true } },
  });
});

test("a policy that is refused allows nothing, and says why", () => {
  const problems = [{ code: "TOO_MANY_ELEMENTS", policies: ["shop/web-to-db"], limit: 3 }] as const;
  expect(ask("shop/client", "shop/db", "web", { problems })).toMatchObject({
    ingress: {
      allowed: false,
      policies: [
        {
          ...{ policy: "shop/web-to-db", allows: false, rules: [] },
          problem: "more than 3 elements in a set, so nothing is allowed by shop/web-to-db",
        },
      ],
    },
  });
});

test("a policy that cannot be read stands as before, and says why", () => {
  const ledger = ledgerOf(cluster);
  const unread: ObjectProblem = {
    code: "UNKNOWN_SHAPE",
    kind: "NetworkPolicy",
    namespace: "shop",
    name: "web-to-db",
    path: "spec.ingress.0",
    text: "unknown",
  };
  const [policy] = Object.values(ledger.policies);
  const { flow } = readFlow("shop/client", "shop/db", "web");
  if (flow === undefined) throw new Error("unreadable");
  const policies = { "shop/web-to-db": { ...policy, problem: unread } };
  expect(traceOnNode({ node: "n1", ledger: { ...ledger, policies }, problems: [] }, flow)).toMatchObject({
    ingress: { allowed: true, policies: [{ problem: "cannot be read: spec.ingress.0: unknown" }] },
  });
});

test.each([
  [
    "web",
    "shop/db",
    "80",
    '"web" is neither a pod nor an address: write namespace/pod, as default/web, or an IP address',
  ],
  [
    "shop/db",
    "a/b/c",
    "80",
    '"a/b/c" is neither a pod nor an address: write namespace/pod, as default/web, or an IP address',
  ],
  [
    "shop/db",
    "10.0.0.0/8",
    "80",
    '"10.0.0.0/8" is neither a pod nor an address: write namespace/pod, as default/web, or an IP address',
  ],
  ...["0", "65536", "80/icmp", "80/tcp/udp", "", "UPPER", "a-name-that-is-too-long"].map((port) => [
    ...["shop/db", "shop/web", port],
    `"${port}" is no port: write a number from 1 to 65535, or a container port's name, as 80, 53/udp or web`,
  ]),
])("%s %s %s is refused, and what is right is said", (from, to, port, problem) => {
  expect(readFlow(from ?? "", to ?? "", port ?? "")).toEqual({ problem });
});

test("addresses are canonical, TCP is meant where nothing is said", () => {
  expect(readFlow("2001:DB8:0::1", "shop/db", "80")).toEqual({
    flow: { from: "2001:db8::1", to: "shop/db", port: { protocol: "TCP", number: 80 } },
  });
  expect(readFlow("shop/db", "shop/db", "53/UDP")).toMatchObject({
    flow: { port: { protocol: "UDP", number: 53 } },
  });
  expect(readFlow("shop/db", "shop/db", "web/sctp")).toMatchObject({
    flow: { port: { protocol: "SCTP", name: "web" } },
  });
});
