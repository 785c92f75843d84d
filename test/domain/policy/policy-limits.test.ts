import { describe, expect, test } from "vitest";
import { withoutGrants } from "../../../src/domain/policy/policy-limits.ts";
import { policyState, policyTable } from "../../../src/domain/policy/policy-table.ts";
import { passageOf } from "../../support/kernel/packet-filter.ts";
import { clusterNodes, podAddress } from "./any-cluster.ts";
import type { ApiCluster, ApiPolicy } from "./api-objects.ts";
import { packetOf, worldOf } from "./compiled.ts";

const remotes = [10, 11, 12];
const cluster = (...policies: readonly ApiPolicy[]): ApiCluster => ({
  policies,
  namespaces: [{ metadata: { name: "shop" } }],
  pods: [[1, 10], ...remotes.map((slot) => [2, slot])].map(([node = 0, slot = 0], at) => ({
    metadata: {
      namespace: "shop",
      name: `pod${at}`,
      uid: `u${at}`,
      creationTimestamp: "",
      labels: { app: `a${at}` },
    },
    spec: { nodeName: `n${node}`, containers: [{ ports: [{ name: "web", containerPort: 80 }] }] },
    status: { phase: "Running", podIPs: [{ ip: podAddress(node, slot, 4) }] },
  })),
  nodes: clusterNodes,
  attached: [{ podUid: "u0", namespace: "shop", addresses: [podAddress(1, 10, 4)] }],
});
const policy = (name: string, spec: Omit<ApiPolicy["spec"], "podSelector">): ApiPolicy => ({
  metadata: { namespace: "shop", name },
  spec: { podSelector: { matchLabels: { app: "a0" } }, ...spec },
});
const all = policy("all", { ingress: [{ from: [{ podSelector: {} }] }] });
const one = policy("one", { ingress: [{ from: [{ podSelector: { matchLabels: { app: "a1" } } }] }] });
const named = policy("named", { policyTypes: ["Egress"], egress: [{ ports: [{ port: "web" }] }] });

const limits = { elements: 100, peers: 100 };
const senders = (given: ApiCluster, limited: typeof limits) => {
  const state = policyState(worldOf(given), limited);
  const [table, { problems }] = [policyTable(state), state];
  const passing = remotes.filter((slot) => {
    const packet = packetOf({
      source: podAddress(2, slot, 4),
      destination: podAddress(1, 10, 4),
      protocol: "tcp",
      port: 80,
    });
    return passageOf([table], packet).passes;
  });
  return { problems, passing };
};

describe("a policy over the limits is refused by name: it isolates, allows nothing, and others stay", () => {
  test.each([
    { elements: 4, problems: [], passing: remotes },
    {
      elements: 3,
      problems: [{ code: "TOO_MANY_ELEMENTS", policies: ["shop/all"], limit: 3 }],
      passing: [10],
    },
  ])("with at most $elements elements in a set", ({ elements, problems, passing }) => {
    expect(senders(cluster(all, one), { ...limits, elements })).toEqual({ problems, passing });
  });

  test.each([
    { elements: 4, problems: [] },
    { elements: 3, problems: [{ code: "TOO_MANY_ELEMENTS", policies: ["shop/named"], limit: 3 }] },
  ])("by the ports that pods name, with at most $elements", ({ elements, problems }) => {
    const others = [
      policy("number", { policyTypes: ["Egress"], egress: [{ ports: [{ port: 80 }] }, {}] }),
      policy("other-name", { policyTypes: ["Egress"], egress: [{ ports: [{ port: "nowhere" }] }] }),
    ];
    expect(policyState(worldOf(cluster(named, one)), { ...limits, elements }).problems).toEqual(problems);
    const number = policyState(worldOf(cluster(named, ...others)), { ...limits, elements });
    // Everybody on all ports needs no set.
    expect(number.problems).toEqual([]);
    const withPort = { port: "web" };
    const mixed = policy("named", { policyTypes: ["Egress"], egress: [{ ports: [{ port: 1 }, withPort] }] });
    expect(policyState(worldOf(cluster(mixed, one)), { ...limits, elements }).problems).toEqual(problems);
  });

  test("each that is over them, one after the other", () => {
    const { problems } = policyState(worldOf(cluster(all, one)), { ...limits, elements: 0 });
    expect(problems.flatMap(({ policies }) => policies).toSorted()).toEqual(["shop/all", "shop/one"]);
    const ranges = policy("ranges", { ingress: [{ from: [{ podSelector: {} }], ports: [{ port: 80 }] }] });
    const both = policyState(worldOf(cluster(all, ranges, named)), { elements: 3, peers: 0 });
    expect(both.problems.map(({ code }) => code)).toEqual(["TOO_MANY_ELEMENTS", "TOO_MANY_PEERS"]);
  });

  test.each([
    { peers: 6, problems: [], passing: [10] },
    {
      peers: 5,
      problems: [{ code: "TOO_MANY_PEERS", policies: ["shop/ranges", "shop/more"], limit: 5 }],
      passing: [],
    },
  ])("with at most $peers peers of all ranges of ports", ({ peers, problems, passing }) => {
    const from = [{ podSelector: { matchLabels: { app: "a1" } } }, { ipBlock: { cidr: "192.0.2.0/24" } }];
    const ranges = policy("ranges", { ingress: [{ from, ports: [{ port: 80, endPort: 90 }] }] });
    const more = policy("more", { ingress: [{ from, ports: [{ port: 85, endPort: 95 }] }] });
    expect(senders(cluster(ranges, more), { ...limits, peers })).toEqual({ problems, passing });
  });
});

test("each port that a pod names counts, and everybody counts for nothing", () => {
  const given = cluster(named);
  const pods = given.pods.map((pod) => ({
    ...pod,
    spec: {
      ...pod.spec,
      containers: [80, 81].map((containerPort) => ({ ports: [{ name: "web", containerPort }] })),
    },
  }));
  const problemsWith = (elements: number) =>
    policyState(worldOf({ ...given, pods }), { elements, peers: 0 }).problems;
  expect([problemsWith(8), problemsWith(7).length]).toEqual([[], 1]);
  const anybody = policy("anybody", { ingress: [{ ports: [{ port: 80 }] }] });
  expect(policyState(worldOf(cluster(anybody)), { ...limits, peers: 0 }).problems).toEqual([]);
});

test("what is refused keeps whom it isolates, in its own directions alone", () => {
  const [kept, refused] = [
    { ...{ namespace: "shop", name: "kept", pods: [] }, ingress: [] },
    { ...{ namespace: "shop", name: "refused", pods: [] }, egress: [{ peers: "any", ports: "any" }] },
  ] as const;
  expect(withoutGrants([kept, refused], new Set(["shop/refused"]))).toEqual([
    kept,
    { ...refused, egress: [] },
  ]);
});
