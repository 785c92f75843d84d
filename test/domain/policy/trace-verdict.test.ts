import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addressOwners } from "../../../src/domain/policy/address-owners.ts";
import type { NodeAnswer, NodeTrace } from "../../../src/domain/policy/node-trace.ts";
import { traceOnNode } from "../../../src/domain/policy/node-trace.ts";
import { type AskedNode, judgeTrace, judgingNodes } from "../../../src/domain/policy/trace-verdict.ts";
import { anyCluster, anyOpener, clusterNodes } from "./any-cluster.ts";
import type { ApiCluster, Opener } from "./api-objects.ts";
import { ledgerOf, worldOf } from "./compiled.ts";
import { isAllowed } from "./policy-oracle.ts";

/** The cluster as the second node knows it: what it has of pods is what all think it has. */
function onSecond(cluster: ApiCluster): ApiCluster {
  const owned = [...addressOwners(worldOf(cluster))].filter(([, { node }]) => node === "n2");
  const byPod = Map.groupBy(owned, ([, pod]) => pod);
  const attached = [...byPod].map(([{ uid, namespace }, addresses]) => ({
    ...{ podUid: uid, namespace },
    addresses: addresses.map(([address]) => address),
  }));
  return { ...cluster, attached };
}

/** What the command does: both nodes are asked. */
function verdictOf(clusters: readonly ApiCluster[], { source, destination, protocol, port }: Opener) {
  const asked = protocol.toUpperCase() as "TCP" | "UDP" | "SCTP";
  const flow = { from: source, to: destination, port: { protocol: asked, number: port } };
  const nodes = clusters.map((cluster, at): AskedNode => {
    const node = `n${at + 1}`;
    return { node, notes: [], answer: traceOnNode({ node, ledger: ledgerOf(cluster), problems: [] }, flow) };
  });
  return judgeTrace(nodes);
}

test("what both ends' nodes say together is what Kubernetes' words say", () => {
  const nodeAddresses = ["10.244.1.1", "10.244.2.1", "fd00:1::1", "fd00:2::1"].concat(
    clusterNodes.flatMap(({ addresses }) => addresses),
  );
  const seen = { allowed: 0, denied: 0, unknown: 0 };
  fc.assert(
    fc.property(anyCluster, fc.array(anyOpener, { minLength: 20, maxLength: 20 }), (cluster, openers) => {
      const clusters = [cluster, onSecond(cluster)];
      for (const opener of openers) {
        if (opener.protocol === "icmp") continue;
        // What a node sends and receives is tried by name.
        if ([opener.source, opener.destination].some((address) => nodeAddresses.includes(address))) continue;
        const { verdict, problems } = verdictOf(clusters, opener);
        seen[verdict]++;
        if (verdict === "unknown") {
          // Of an address that a pod says it has and its node does not.
          const codes = new Set(problems.map(({ code }) => code));
          expect([["NO_POD"], ["NOT_ATTACHED"]]).toContainEqual([...codes]);
          continue;
        }
        const allowed = clusters.every((one) => isAllowed(one, opener));
        expect({ opener, verdict }).toEqual({ opener, verdict: allowed ? "allowed" : "denied" });
      }
    }),
    { numRuns: 300 },
  );
  expect(Math.min(seen.allowed, seen.denied)).toBeGreaterThan(500);
});

describe("of two nodes", () => {
  const half = (here: boolean, allowed = true) => ({
    ...{ allowed, here, because: allowed ? ("allowed" as const) : ("notAllowed" as const), policies: [] },
  });
  const end = (name: string, node: string | null) => ({
    ...{ address: "10.244.1.7", nodeAddress: null, pod: `shop/${name}`, node, hostNetwork: node === null },
  });
  const trace = (more: Partial<NodeTrace>): NodeTrace => ({
    ...{ code: "TRACED", protocol: "TCP", port: 80, source: end("web", "n1"), destination: end("db", "n2") },
    ...{ egress: half(false), ingress: half(false) },
    ...more,
  });
  const said = (node: string, answer: NodeAnswer): AskedNode => ({ node, notes: [], answer });
  const first = said("n1", trace({ egress: half(true) }));
  const second = said("n2", trace({ ingress: half(true) }));

  test("each is asked for its own pod, one that has both is asked once", () => {
    expect(judgingNodes(trace({}))).toEqual(["n1", "n2"]);
    expect(judgingNodes(trace({ source: end("web", "n2") }))).toEqual(["n2"]);
    expect(judgingNodes(trace({ source: end("web", null) }))).toEqual(["n2"]);
    expect(judgingNodes({ code: "NO_POD" })).toEqual([]);
  });

  test("both must allow", () => {
    expect(judgeTrace([first, second])).toMatchObject({
      ...{ verdict: "allowed", problems: [] },
      egress: { node: "n1", told: true },
      ingress: { node: "n2", told: true },
    });
    const refusing = said("n2", trace({ ingress: half(true, false) }));
    expect(judgeTrace([first, refusing])).toMatchObject({ verdict: "denied", problems: [] });
  });

  test("what another node thinks decides nothing", () => {
    const thinks = said("n1", trace({ egress: half(true), ingress: half(false, false) }));
    expect(judgeTrace([thinks, second])).toMatchObject({ verdict: "allowed" });
    expect(judgeTrace([thinks])).toMatchObject({
      ...{ verdict: "unknown", problems: [{ code: "NODE_NOT_ASKED", node: "n2" }] },
      ingress: { allowed: false, told: false },
    });
  });

  test("one that refuses is enough, whatever the other does not say", () => {
    const refusing = said("n1", trace({ egress: half(true, false) }));
    const away: AskedNode = { node: "n2", failure: "no route" };
    const problems = [{ code: "NODE_FAILED", node: "n2", failure: "no route" }];
    expect(judgeTrace([refusing, away])).toMatchObject({ verdict: "denied", problems });
    expect(judgeTrace([first, away])).toMatchObject({ verdict: "unknown", problems });
  });

  test("a node that does not have the pod judges nothing of it", () => {
    expect(judgeTrace([first, said("n2", trace({}))])).toMatchObject({
      ...{ verdict: "unknown", problems: [{ code: "NOT_ATTACHED", node: "n2", pod: "shop/db" }] },
    });
  });

  test("a node that does not enforce, or does not know, is named", () => {
    for (const code of ["NOT_ENFORCED", "NOT_KNOWN"] as const)
      expect(judgeTrace([first, said("n2", { code })])).toMatchObject({
        ...{ verdict: "unknown", problems: [{ code, node: "n2" }] },
      });
    const answer = { code: "NO_SUCH_POD", end: "shop/wep", nearest: "shop/web" } as const;
    expect(judgeTrace([said("n1", answer)])).toEqual({
      ...{ verdict: "unknown", flow: null, egress: null, ingress: null },
      problems: [{ node: "n1", ...answer }],
    });
  });

  test("who is in its node's network is judged by nobody", () => {
    const answer = trace({ source: end("agent", null), egress: half(false), ingress: half(true) });
    expect(judgeTrace([said("n2", answer)])).toMatchObject({ verdict: "allowed", egress: { told: true } });
  });
});
