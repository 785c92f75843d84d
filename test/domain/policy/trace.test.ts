import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { flowJudge } from "../../../src/domain/policy/flow-judge.ts";
import { type TraceQuestion, traceFlow } from "../../../src/domain/policy/trace.ts";
import { anyCluster, anyOpener, clusterNodes } from "./any-cluster.ts";
import type { ApiCluster, ApiPod, Opener } from "./api-objects.ts";
import { worldOf } from "./compiled.ts";
import { isAllowed } from "./policy-oracle.ts";

const nodeAddresses = ["10.244.1.1", "fd00:1::1", ...clusterNodes.flatMap(({ addresses }) => addresses)];
const protocols = { tcp: "TCP", udp: "UDP", sctp: "SCTP", icmp: "other" } as const;
const askedFor = ({ source, destination, protocol, port }: Opener): TraceQuestion => ({
  ...{ from: source, to: destination, port },
  protocol: protocols[protocol],
});

test("it says of a flow what Kubernetes' words say, where this node enforces it", () => {
  const seen = { true: 0, false: 0 };
  fc.assert(
    fc.property(anyCluster, fc.array(anyOpener, { minLength: 20, maxLength: 20 }), (cluster, openers) => {
      const world = worldOf(cluster);
      const judge = flowJudge(world);
      for (const opener of openers) {
        // Its own node's are never judged, and another node's become its router address.
        if ([opener.source, opener.destination].some((address) => nodeAddresses.includes(address))) continue;
        const answer = traceFlow(world, askedFor(opener));
        if (answer.code !== "TRACED") throw new Error(answer.code);
        const { egress, ingress } = answer.trace;
        const enforced = [egress, ingress].filter(({ here }) => here);
        const allowed = enforced.every((half) => half.allowed);
        expect({ opener, allowed }).toEqual({ opener, allowed: isAllowed(cluster, opener) });
        const { from: source, to: destination, protocol, port } = askedFor(opener);
        expect({ opener, ends: judge({ source, destination, protocol, port }) }).toEqual({
          opener,
          ends: !allowed,
        });
        seen[`${allowed}`]++;
      }
    }),
    { numRuns: 300 },
  );
  expect(Math.min(seen.true, seen.false)).toBeGreaterThan(500);
});

describe("of one cluster", () => {
  const pod = (name: string, node: string, ip: string, more: Partial<ApiPod["spec"]> = {}): ApiPod => ({
    metadata: { namespace: "shop", name, uid: name, creationTimestamp: "", labels: { app: name } },
    spec: { nodeName: node, containers: [{ ports: [{ name: "web", containerPort: 8080 }] }], ...more },
    status: { phase: "Running", podIPs: [{ ip }] },
  });
  const cluster: ApiCluster = {
    policies: [
      {
        metadata: { namespace: "shop", name: "nothing" },
        spec: { podSelector: { matchLabels: { app: "db" } }, policyTypes: ["Ingress"] },
      },
      {
        metadata: { namespace: "shop", name: "web-to-db" },
        spec: {
          podSelector: { matchLabels: { app: "db" } },
          ingress: [
            { from: [{ podSelector: { matchLabels: { app: "web" } } }], ports: [{ port: "web" }] },
            { from: [{ ipBlock: { cidr: "10.244.2.1/32" } }] },
          ],
        },
      },
    ],
    namespaces: [{ metadata: { name: "shop" } }],
    pods: [
      pod("db", "n1", "10.244.1.10"),
      pod("web", "n2", "10.244.2.10"),
      pod("other", "n2", "10.244.2.11"),
      pod("agent", "n2", "192.0.2.2", { hostNetwork: true }),
      {
        ...pod("done", "n2", "10.244.2.12"),
        status: { phase: "Succeeded", podIPs: [{ ip: "10.244.2.12" }] },
      },
    ],
    nodes: clusterNodes,
    attached: [{ podUid: "db", namespace: "shop", addresses: ["10.244.1.10"] }],
  };
  const trace = (from: string, port = 8080, to = "shop/db") =>
    traceFlow(worldOf(cluster), { from, to, protocol: "TCP", port });
  const [yes, no] = [true, false];
  const policies = (rules: readonly (readonly [boolean, boolean])[]) => [
    { policy: "shop/nothing", allows: no, rules: [] },
    {
      policy: "shop/web-to-db",
      allows: rules.some(([peers, ports]) => peers && ports),
      rules: rules.map(([peers, ports]) => ({ peers, ports })),
    },
  ];

  test("names the policy that allows, and each that isolates", () => {
    expect(trace("shop/web")).toEqual({
      code: "TRACED",
      trace: {
        allowed: yes,
        source: { address: "10.244.2.10", pod: "shop/web", node: "n2" },
        destination: { address: "10.244.1.10", pod: "shop/db", node: "n1" },
        egress: { allowed: yes, because: "notIsolated", here: no, policies: [] },
        ingress: {
          allowed: yes,
          because: "allowed",
          here: yes,
          policies: policies([
            [yes, yes],
            [no, yes],
          ]),
        },
      },
    });
  });

  test.each([
    {
      from: "shop/other",
      port: 8080,
      rules: [
        [no, yes],
        [no, yes],
      ],
    },
    {
      from: "shop/web",
      port: 80,
      rules: [
        [yes, no],
        [no, yes],
      ],
    },
    {
      from: "203.0.113.9",
      port: 8080,
      rules: [
        [no, yes],
        [no, yes],
      ],
    },
  ] as const)("says what does not match: $from, port $port", ({ from, port, rules }) => {
    expect(trace(from, port)).toMatchObject({
      trace: { allowed: no, ingress: { because: "notAllowed", policies: policies(rules) } },
    });
  });

  test("a node's own address arrives as its router address, and a pod in the node's network, too", () => {
    for (const from of ["192.0.2.2", "shop/agent"])
      expect(trace(from)).toMatchObject({
        trace: { allowed: yes, source: { address: "10.244.2.1", nodeAddress: "192.0.2.2" } },
      });
  });

  test("what the pod's own node sends and receives is never judged", () => {
    for (const address of ["192.0.2.1", "10.244.1.1"]) {
      expect(trace(address)).toMatchObject({ trace: { allowed: yes, ingress: { because: "ownNode" } } });
      expect(trace("shop/db", 1, address)).toMatchObject({ trace: { egress: { because: "ownNode" } } });
    }
    expect(trace("shop/db", 1)).toMatchObject({ trace: { allowed: yes, ingress: { because: "itself" } } });
  });

  test.each([
    { from: "shop/nobody", code: "NO_SUCH_END" },
    { from: "no address", code: "NO_SUCH_END" },
    { from: "shop/done", code: "NO_ADDRESS" },
    { from: "2001:db8::1", code: "NO_COMMON_FAMILY" },
  ])("$from: $code", ({ from, code }) => {
    expect(trace(from)).toMatchObject({ code });
  });
});
