import { describe, expect, test } from "vitest";
import type { GuardSettings } from "../../src/domain/guard-settings.ts";
import { acceptArguments, acceptStatements, forwardAccepts } from "../../src/domain/nft-foreign-accepts.ts";
import { nodeTable } from "../../src/domain/nft-node-table.ts";
import {
  digestOf,
  type NftTable,
  type ObservedTable,
  ruleComment,
  tableHolds,
} from "../../src/domain/nft-table.ts";
import { tailnetTable } from "../../src/domain/nft-tailnet-table.ts";

const settings: GuardSettings = {
  ownPrefixes: ["10.244.1.0/24", "fd00:1::/64"],
  refusedPrefixes: [],
  supernets: ["10.244.0.0/16", "fd00::/16"],
  linkPrefix: "198.18.0.0/30",
  tunnel: { name: "tailscale0", mtu: 1280 },
  underlayPort: 41642,
  masquerade: true,
};

/** What nft would list of the table. */
function listed(table: NftTable): ObservedTable {
  const digest = digestOf(table);
  return {
    chains: table.chains.map(({ rules, ...place }) => ({
      ...place,
      comments: rules.map(({ name }) => ruleComment(name, digest)),
    })),
  };
}

const mtu1400 = { ...settings, tunnel: { name: "tailscale0", mtu: 1400 } };
const ruleNames = (table: NftTable) => table.chains.flatMap(({ rules }) => rules.map(({ name }) => name));

describe("a table of ours", () => {
  const wanted = tailnetTable(settings);
  const found = listed(wanted);
  const [first] = found.chains;

  test("holds as it was loaded, chains in any order", () => {
    expect(tableHolds(wanted, found)).toBe(true);
    expect(tableHolds(wanted, { chains: [...found.chains].reverse() })).toBe(true);
  });

  test.each([
    { what: "is absent", seen: undefined },
    { what: "lacks a chain", seen: { chains: found.chains.slice(1) } },
    { what: "has a chain too many", seen: { chains: [...found.chains, ...found.chains.slice(0, 1)] } },
    {
      what: "accepts by policy",
      seen: { chains: found.chains.map((chain) => ({ ...chain, policy: "accept" as const })) },
    },
    {
      what: "sits at another priority",
      seen: { chains: found.chains.map((chain) => ({ ...chain, priority: chain.priority + 1 })) },
    },
    {
      what: "lacks a rule",
      seen: { chains: found.chains.map((chain) => ({ ...chain, comments: chain.comments.slice(1) })) },
    },
    {
      what: "has its rules in another order",
      seen: { chains: found.chains.map((chain) => ({ ...chain, comments: [...chain.comments].reverse() })) },
    },
    {
      what: "has a foreign rule",
      seen: { chains: found.chains.map((chain) => ({ ...chain, comments: [...chain.comments, ""] })) },
    },
    { what: "is that of other settings", seen: listed(tailnetTable(mtu1400)) },
  ])("does not hold when it $what", ({ seen }) => {
    expect(first).toBeDefined();
    expect(tableHolds(wanted, seen)).toBe(false);
  });
});

test("segments leave room for the headers of their family", () => {
  const sizes = JSON.stringify(tailnetTable(settings)).match(/"value":\d+/g);
  expect(sizes).toEqual(['"value":1240', '"value":1220']);
});

test("without masquerade pods keep their address outside, tailscaled's packets still take the node's", () => {
  const names = ruleNames(nodeTable({ ...settings, masquerade: false }));
  expect(names).toContain("underlay-masquerade");
  expect(names.filter((name) => name.startsWith("pods-masquerade"))).toEqual([]);
  expect(ruleNames(nodeTable(settings))).toContain("pods-masquerade-6");
});

describe("accepts for other programs' chains", () => {
  test("as iptables arguments", () => {
    const ipv4 = forwardAccepts(settings).filter(({ family }) => family === 4);
    expect(ipv4.map(acceptArguments)).toEqual([
      "-i headcni0 -j ACCEPT",
      "-s 10.244.1.0/24 -j ACCEPT",
      "-d 10.244.1.0/24 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      "-o headcni0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      "-d 10.244.1.0/24 -m conntrack --ctstate DNAT -j ACCEPT",
      "-o headcni0 -m conntrack --ctstate DNAT -j ACCEPT",
    ]);
  });

  test("plain statements hold nothing that iptables cannot read back", () => {
    for (const rule of forwardAccepts(settings)) {
      expect(JSON.stringify(acceptStatements(rule, true))).not.toContain('"ct"');
      expect(acceptStatements(rule, false).length).toBeGreaterThanOrEqual(
        acceptStatements(rule, true).length,
      );
    }
  });
});
