import { describe, expect, test } from "vitest";
import type { NftSubchain, NftTable } from "../../../src/domain/nftables/nft-table.ts";
import { policyState, policyTable } from "../../../src/domain/policy/policy-table.ts";
import type { FilterPacket } from "../../support/kernel/filter-packet.ts";
import { passageOf } from "../../support/kernel/packet-filter.ts";
import { clusterNodes, podAddress } from "./any-cluster.ts";
import type { ApiPeer, ApiPolicy, ApiPort } from "./api-objects.ts";
import { packetOf, worldOf } from "./compiled.ts";

const own = podAddress(1, 10, 4);
const remote = podAddress(2, 10, 4);

/** Of one pod here and some elsewhere, under policies for the one here. */
const tableOf = (...specs: readonly Omit<ApiPolicy["spec"], "podSelector">[]): NftTable =>
  policyTable(
    policyState(
      worldOf({
        policies: specs.map((spec, at) => ({
          metadata: { namespace: "shop", name: `p${at}` },
          spec: { podSelector: { matchLabels: { app: "own" } }, ...spec },
        })),
        namespaces: [{ metadata: { name: "shop" } }],
        pods: ["own", "a0", "a1", "a2"].map((app, at) => ({
          metadata: { namespace: "shop", name: app, uid: app, creationTimestamp: "", labels: { app } },
          spec: { nodeName: at === 0 ? "n1" : "n2", containers: [] },
          status: { phase: "Running", podIPs: [{ ip: at === 0 ? own : podAddress(2, 9 + at, 4) }] },
        })),
        nodes: clusterNodes,
        attached: [{ podUid: "own", namespace: "shop", addresses: [own] }],
      }),
    ),
  );
const app = (name: string): ApiPeer => ({ podSelector: { matchLabels: { app: name } } });
const from = (peers: readonly ApiPeer[], ...ports: readonly ApiPort[]) => ({
  ingress: [{ from: peers, ports }],
});

/** Rules that a packet crosses at most: of the longest way from a pod's chain through what it jumps to. */
function longestWay({ subchains = [], maps = [] }: NftTable): number {
  const chainOf = (name: string) => subchains.find((chain) => chain.name === name);
  const length = (chain: NftSubchain | undefined): number => {
    const jumps = [...JSON.stringify(chain?.rules ?? []).matchAll(/"target":"([^"]+)"/g)];
    return (
      (chain?.rules.length ?? 0) + Math.max(0, ...jumps.map(([, target = ""]) => length(chainOf(target))))
    );
  };
  return Math.max(
    0,
    ...maps.flatMap(({ elements }) => elements.map(([, target]) => length(chainOf(target)))),
  );
}

describe("what a packet crosses", () => {
  const names = Array.from({ length: 300 }, (_, at) => `a${at}`);
  test.each([
    { of: "the same port", specs: names.map((name) => from([app(name)], { port: 80 })), max: 5 },
    { of: "a port each", specs: names.map((name, at) => from([app(name)], { port: 80 + at })), max: 5 },
    { of: "all ports", specs: names.map((name) => from([app(name)])), max: 4 },
    {
      of: "ranges of ports in each other",
      specs: names.map((name, at) => from([app(name)], { port: 80, endPort: 1000 + at })),
      max: 8,
    },
    {
      of: "all that there is",
      specs: names.flatMap((name) =>
        (["TCP", "UDP", "SCTP"] as const).flatMap((protocol, at) => [
          from([app(name), { ipBlock: { cidr: `192.0.${at}.0/24` } }], { protocol, port: 80 }),
          from([app(`${name}x`), { ipBlock: { cidr: `198.51.${at}.0/24` } }]),
        ]),
      ),
      max: 10,
    },
  ])("does not grow with the number of policies: 300, for $of", ({ specs, max }) => {
    const [few, many] = [specs.slice(0, 60), specs].map((some) => longestWay(tableOf(...some)));
    expect([few, many]).toEqual([max, max]);
  });

  test("up to four selectors have a set each, which others share; more are one", () => {
    const setsOf = (table: NftTable) =>
      (table.sets ?? []).filter(({ name }) => name.startsWith("pods4")).length;
    const peers = ["a0", "a1", "a2", "own"].map(app);
    expect(setsOf(tableOf(from(peers, { port: 80 }), from([app("a0")], { port: 81 })))).toBe(4);
    expect(setsOf(tableOf(from([...peers, app("x")], { port: 80 }), from([app("a0")], { port: 81 })))).toBe(
      2,
    );
  });

  test("blocks are one set of disjoint ranges, and all of them together are everybody", () => {
    const block = (cidr: string): ApiPeer => ({ ipBlock: { cidr } });
    const sets = (...cidrs: readonly string[]) =>
      tableOf(from(cidrs.map(block))).sets?.filter(({ name }) => name.startsWith("blocks4"));
    expect(sets("10.0.0.0/25", "10.0.0.128/25", "10.0.2.0/24", "fd00::/8")).toEqual([
      {
        ...{ name: expect.any(String), type: "ipv4_addr" },
        elements: [{ range: ["10.0.0.0", "10.0.0.255"] }, { range: ["10.0.2.0", "10.0.2.255"] }],
      },
    ]);
    expect(sets("0.0.0.0/1", "128.0.0.0/1")).toEqual([]);
  });
});

describe("a flow", () => {
  const opener = packetOf({ source: remote, destination: own, protocol: "tcp", port: 80 });
  const answer = packetOf({ source: own, destination: remote, protocol: "tcp", port: 20_000 });
  const fates = (table: NftTable, more: Partial<FilterPacket>) =>
    [opener, answer].map((packet) => passageOf([table], { ...packet, ...more }).refusedBy);
  const forbidding = tableOf({ policyTypes: ["Ingress"] });
  const allowing = tableOf({ ingress: [{}] });

  test("that stands is let through, and errors about it", () => {
    for (const state of ["established", "related"] as const)
      expect(fates(forbidding, { state, flags: ["ack"] })).toEqual(["", ""]);
  });

  test.each([
    { what: "an opener", more: { flags: ["syn"] }, forbidden: ["not-allowed", ""], allowed: ["", ""] },
    {
      what: "an answer to none",
      more: { flags: ["syn", "ack"] },
      forbidden: ["no-opener", "no-opener"],
      allowed: ["no-opener", "no-opener"],
    },
    {
      what: "the midst of one",
      more: { flags: ["ack"] },
      forbidden: ["no-opener", "no-opener"],
      allowed: ["no-opener", "no-opener"],
    },
    {
      what: "what is of none",
      more: { state: "invalid" },
      forbidden: ["invalid", "invalid"],
      allowed: ["invalid", "invalid"],
    },
    { what: "a datagram", more: { protocol: "udp" }, forbidden: ["not-allowed", ""], allowed: ["", ""] },
  ] as const)("does not begin by its midst, from either end: $what", ({ more, forbidden, allowed }) => {
    expect([fates(forbidding, more), fates(allowing, more)]).toEqual([forbidden, allowed]);
  });

  test("of pods that no policy selects is not looked at", () => {
    const table = tableOf();
    for (const more of [{ flags: ["ack"] }, { state: "invalid" }] as const)
      expect(fates(table, more)).toEqual(["", ""]);
    expect(table).toMatchObject({ subchains: [], maps: Array.from({ length: 4 }, () => ({ elements: [] })) });
  });
});
