import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { believedPrefixes } from "../../src/domain/believed-prefixes.ts";
import { findBroken } from "../../src/domain/guard-plan.ts";
import type { GuardSettings } from "../../src/domain/guard-settings.ts";
import type { NamespaceName } from "../../src/domain/kernel-state.ts";
import { allowlistTable } from "../../src/domain/nft-allowlist-table.ts";
import {
  acceptStatements,
  type ForeignAccept,
  forwardAccepts,
  inputAccepts,
} from "../../src/domain/nft-foreign-accepts.ts";
import type { NftChain, NftRule, NftTable } from "../../src/domain/nft-table.ts";
import { parsePrefix } from "../../src/domain/prefix.ts";
import { type FilterPacket, passageOf } from "../support/packet-filter.ts";
import {
  anyPacket,
  dualStack,
  everyPacket,
  nodePlaces,
  nodePortTable,
  type PacketWorld,
  tailnetPlaces,
} from "./firewall-packets.ts";
import {
  allowlistSentences,
  foreignForwardSentences,
  foreignInputSentences,
  mutantsOf,
  nodeLinks,
  nodeSentences,
  type Sentence,
  type SentenceTerms,
  tailnetLinks,
  tailnetSentences,
} from "./firewall-sentences.ts";
import { freshObservation } from "./model-kernel.ts";

type Node = typeof dualStack;

const { settings, terms } = dualStack;
const ipv4 = (prefixes: readonly string[]) => prefixes.filter((prefix) => !prefix.includes(":"));
const onlyIpv4: Node = {
  settings: {
    ...settings,
    ownPrefixes: ipv4(settings.ownPrefixes),
    supernets: ipv4(settings.supernets),
  },
  terms: {
    ...terms,
    own: ipv4(terms.own),
    supernets: ipv4(terms.supernets),
    believed: ipv4(terms.believed),
    routers: { ...terms.routers, 6: [] },
    segmentSize: { ...terms.segmentSize, 6: undefined },
  },
};
const keptAddresses: Node = {
  settings: { ...settings, masquerade: false },
  terms: { ...terms, masquerade: false },
};

const node: PacketWorld = { links: Object.values(nodeLinks), places: nodePlaces };
const tailnet: PacketWorld = { links: Object.values(tailnetLinks), places: tailnetPlaces };
const forwarded = ({ input, output }: FilterPacket) => input !== undefined && output !== undefined;
const received = ({ input, output }: FilterPacket) => input !== undefined && output === undefined;

/** What headcni-wire loads: of the Nodes' prefixes one is announced by its node, one by another, one by nobody. */
function plannedAllowlist({ supernets, tunnel }: GuardSettings): NftTable {
  const bind = (prefix: string, nodeId: string) => ({ prefix, nodeId, node: `n${nodeId}`, uid: nodeId });
  const serve = (nodeId: string, text: string) => ({ nodeId, prefix: parsePrefix(text) });
  const believed = believedPrefixes(
    [
      bind("10.244.2.0/24", "2"),
      bind("10.244.3.0/24", "3"),
      bind("fd00:2::/64", "2"),
      bind("fd00:3::/64", "3"),
    ],
    [
      serve("2", "10.244.2.0/24"),
      serve("9", "10.244.3.0/24"),
      serve("2", "fd00:2::/64"),
      serve("9", "fd00::/24"),
    ],
  );
  return allowlistTable({ supernets, tunnel: tunnel.name }, believed);
}

/** A command of the documents that the guard gives to nft (libnftables-json(5)). */
interface NftCommand {
  readonly add?: {
    readonly chain?: Omit<NftChain, "priority" | "rules"> & { readonly prio: number };
    readonly rule?: {
      readonly chain: string;
      readonly comment: string;
      readonly expr: NftRule["statements"];
    };
  };
}

/** Our table as the guard's plan for a fresh node loads it, out of the document for nft. */
function plannedTable(namespace: NamespaceName, of: GuardSettings): NftTable {
  const mends = findBroken(of, freshObservation).flatMap((broken) => broken.mends);
  const commands = mends
    .filter((mend) => mend.kind === "firewall" && mend.namespace === namespace)
    .flatMap((mend) => (mend.kind === "firewall" ? mend.changes : []))
    .flatMap((change) => (change.tool === "nft" ? [change.document as { nftables: NftCommand[] }] : []))
    .flatMap(({ nftables }) => nftables.flatMap(({ add }) => add ?? []));
  const rulesOf = (name: string) =>
    commands.flatMap(({ rule }) =>
      rule?.chain === name ? [{ name: rule.comment.split(":")[1] ?? "", statements: rule.expr }] : [],
    );
  const chains = commands.flatMap(({ chain }) =>
    chain === undefined ? [] : [{ ...chain, priority: chain.prio, rules: rulesOf(chain.name) }],
  );
  return { name: "headcni", chains };
}

/** Another program's chain with nothing in it but our accepts, before it drops. */
function foreignTable(hook: "forward" | "input", family: 4 | 6, accepts: readonly ForeignAccept[]): NftTable {
  const place = { type: "filter", hook, priority: 0, policy: "drop" } as const;
  const rules = accepts
    .filter((rule) => rule.family === family)
    .map((rule) => ({ name: rule.name, statements: acceptStatements(rule, false) }));
  return { name: "theirs", chains: [{ name: hook, ...place, rules }] };
}

/** One table of ours, the sentences about it, the packets they speak of, and who else translates there. */
interface Subject {
  readonly what: string;
  readonly table: (settings: GuardSettings) => NftTable;
  readonly sentences: readonly Sentence[];
  readonly world: PacketWorld;
  readonly speaksOf: (packet: FilterPacket) => boolean;
  readonly beside: readonly NftTable[];
  readonly nodes: readonly Node[];
  /** Conditions that change no verdict, and why they stand. */
  readonly needless?: readonly string[];
}

const subjects: readonly Subject[] = [
  {
    what: "the node's table",
    table: (of) => plannedTable("node", of),
    sentences: nodeSentences,
    world: node,
    speaksOf: () => true,
    beside: [],
    nodes: [dualStack, onlyIpv4, keptAddresses],
  },
  {
    what: "the table in X",
    table: (of) => plannedTable("tailnet", of),
    sentences: tailnetSentences,
    world: tailnet,
    speaksOf: ({ output }) => output !== undefined,
    beside: [],
    nodes: [dualStack, onlyIpv4],
    // IPv6 is clamped lower, whatever this rule did to it before.
    needless: [
      'segment-size-4 without {"match":{"op":"==","left":{"meta":{"key":"nfproto"}},"right":"ipv4"}}',
    ],
  },
  {
    what: "the allowlist in X",
    table: (of) => plannedAllowlist(of),
    sentences: allowlistSentences,
    world: tailnet,
    speaksOf: ({ output }) => output !== undefined,
    beside: [],
    nodes: [dualStack, onlyIpv4],
  },
  ...([4, 6] as const).flatMap((family) => [
    {
      what: `accepts of IPv${family} in a chain that forwards`,
      table: (of: GuardSettings) => foreignTable("forward", family, forwardAccepts(of)),
      sentences: foreignForwardSentences,
      world: node,
      speaksOf: (packet: FilterPacket) => packet.family === family && forwarded(packet),
      beside: [nodePortTable],
      nodes: family === 4 ? [dualStack, onlyIpv4] : [dualStack],
    },
    {
      what: `accepts of IPv${family} in a chain that receives`,
      table: (of: GuardSettings) => foreignTable("input", family, inputAccepts(of)),
      sentences: foreignInputSentences,
      world: node,
      speaksOf: (packet: FilterPacket) => packet.family === family && received(packet),
      beside: [],
      nodes: family === 4 ? [dualStack, onlyIpv4] : [dualStack],
    },
  ]),
];

/** The sentences that a packet breaks. */
function brokenBy(
  { sentences, beside }: Subject,
  table: NftTable,
  packet: FilterPacket,
  known: SentenceTerms,
): readonly string[] {
  const passage = passageOf([table, ...beside], packet);
  return sentences.filter(({ holds }) => !holds(packet, passage, known)).map(({ says }) => says);
}

describe.each(subjects)("$what", (subject) => {
  test("keeps every sentence for every packet", () => {
    for (const at of subject.nodes) {
      const table = subject.table(at.settings);
      fc.assert(
        fc.property(anyPacket(subject.world).filter(subject.speaksOf), (packet) => {
          expect(brokenBy(subject, table, packet, at.terms)).toEqual([]);
        }),
        { numRuns: 1_000 },
      );
    }
  });

  test("has no rule and no condition that could go: without it some packet breaks a sentence", () => {
    const packets = inStrides(everyPacket(subject.world).filter(subject.speaksOf));
    const needless = mutantsOf(subject.table(settings)).filter(({ table }) =>
      packets.every((packet) => brokenBy(subject, table, packet, terms).length === 0),
    );
    expect(needless.map(({ what }) => what)).toEqual(subject.needless ?? []);
  });
});

/** The same packets, unlike ones side by side: what breaks a sentence is found sooner. */
function inStrides(packets: readonly FilterPacket[]): readonly FilterPacket[] {
  const rows = 997;
  const row = (start: number) =>
    Array.from({ length: Math.ceil((packets.length - start) / rows) }, (_, at) => packets[start + at * rows]);
  return Array.from({ length: rows }, (_, start) => row(start))
    .flat()
    .filter((packet) => packet !== undefined);
}
