import { describe, expect, test } from "vitest";
import { policyState, policyTable } from "../../../src/domain/policy/policy-table.ts";
import { passageOf } from "../../support/kernel/packet-filter.ts";
import { clusterNodes, podAddress } from "./any-cluster.ts";
import type { ApiCluster, ApiContainerPort, ApiPeer, ApiPolicy } from "./api-objects.ts";
import { packetOf, worldOf } from "./compiled.ts";

/** Two pods here, alike but for their ports, and two elsewhere. */
const cluster = (
  spec: Omit<ApiPolicy["spec"], "podSelector">,
  ports: readonly (readonly ApiContainerPort[])[],
): ApiCluster => ({
  policies: [
    {
      metadata: { namespace: "shop", name: "p" },
      spec: { podSelector: { matchLabels: { app: "own" } }, ...spec },
    },
  ],
  namespaces: [{ metadata: { name: "shop" } }],
  pods: places.map(([node, slot], at) => ({
    metadata: {
      namespace: "shop",
      name: `pod${at}`,
      uid: `u${at}`,
      creationTimestamp: "",
      labels: { app: node === 1 ? "own" : `a${slot}` },
    },
    spec: { nodeName: `n${node}`, containers: [{ ports: ports[at] ?? [] }] },
    status: {
      phase: "Running",
      podIPs: ([4, 6] as const).map((family) => ({ ip: podAddress(node, slot, family) })),
    },
  })),
  nodes: clusterNodes,
  attached: [0, 1].map((at) => ({
    podUid: `u${at}`,
    namespace: "shop",
    addresses: ([4, 6] as const).map((family) => podAddress(1, 10 + at, family)),
  })),
});
const places = [
  [1, 10],
  [1, 11],
  [2, 10],
  [2, 12],
] as const;
const web = (containerPort: number): ApiContainerPort => ({ name: "web", containerPort });
const table = (given: ApiCluster) => policyTable(policyState(worldOf(given)));

test("for ingress they are what each pod calls so, of pods that are alike, too", () => {
  const rules = [{ ports: [{ port: "web" }] }];
  const open = (ports: readonly (readonly ApiContainerPort[])[]) =>
    [10, 11].map((slot) =>
      [80, 8080].filter(
        (port) =>
          passageOf(
            [table(cluster({ ingress: rules }, ports))],
            packetOf({
              source: podAddress(2, 10, 4),
              destination: podAddress(1, slot, 4),
              protocol: "tcp",
              port,
            }),
          ).passes,
      ),
    );
  expect(open([[web(80)], [web(8080)]])).toEqual([[80], [8080]]);
  expect(open([[web(80)], [{ ...web(80), name: "dns" }]])).toEqual([[80], []]);
  expect(open([[web(80)], [{ ...web(80), protocol: "UDP" }]])).toEqual([[80], []]);
  expect(open([[web(80), web(8080)], []])).toEqual([[80, 8080], []]);
});

describe("for egress they are what the receivers call so", () => {
  const sent = (to: readonly ApiPeer[], family: 4 | 6 = 4) => {
    const given = cluster({ policyTypes: ["Egress"], egress: [{ to, ports: [{ port: "web" }] }] }, [
      [],
      [],
      [web(80)],
      [web(8080)],
    ]);
    return [10, 12].map((slot) =>
      [80, 8080].filter(
        (port) =>
          passageOf(
            [table(given)],
            packetOf({
              source: podAddress(1, 10, family),
              destination: podAddress(2, slot, family),
              protocol: "tcp",
              port,
            }),
          ).passes,
      ),
    );
  };
  const app = (name: string): ApiPeer => ({ podSelector: { matchLabels: { app: name } } });
  const block = (cidr: string): ApiPeer => ({ ipBlock: { cidr } });

  test.each([
    { to: [], reached: [[80], [8080]] },
    { to: [app("a10"), app("nobody")], reached: [[80], []] },
    { to: [app("nobody"), app("a12")], reached: [[], [8080]] },
    { to: [block("10.244.2.10/31"), block("192.0.2.0/24")], reached: [[80], []] },
    { to: [block("10.244.2.11/32"), block("10.244.2.12/32")], reached: [[], [8080]] },
    { to: [block("10.244.2.8/29"), app("a10")], reached: [[80], [8080]] },
    { to: [block("10.244.2.13/32")], reached: [[], []] },
  ])("of $to", ({ to, reached }) => {
    expect(sent(to)).toEqual(reached);
  });

  test("in both families", () => {
    expect(sent([app("a12")], 6)).toEqual([[], [8080]]);
    expect(sent([block("fd00:2::a/128")], 6)).toEqual([[80], []]);
    expect(sent([block("10.244.2.10/32")], 6)).toEqual([[], []]);
  });

  test("by sets of address, protocol and port, beside those of addresses and of a pod with itself", () => {
    const given = cluster(
      {
        egress: [{ ports: [{ port: "web" }] }],
        ingress: [{ from: [app("a12"), block("10.0.0.0/8"), block("fd00::/8")] }],
      },
      [[], [], [web(80)], [web(8080)]],
    );
    const types = (table(given).sets ?? []).map(({ name, type, single, elements }) => [
      name.split("_")[0],
      [type].flat().join(" . "),
      single ?? false,
      elements.length,
    ]);
    expect(types.toSorted()).toEqual([
      ["blocks4", "ipv4_addr", false, 1],
      ["blocks6", "ipv6_addr", false, 1],
      ["named4", "ipv4_addr . inet_proto . inet_service", true, 2],
      ["named6", "ipv6_addr . inet_proto . inet_service", true, 2],
      ["pods4", "ipv4_addr", true, 1],
      ["pods6", "ipv6_addr", true, 1],
      ["self4", "ipv4_addr . ipv4_addr", true, 2],
      ["self6", "ipv6_addr . ipv6_addr", true, 2],
    ]);
  });
});
