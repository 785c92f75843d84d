import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { believedPrefixes } from "../../src/domain/believed-prefixes.ts";
import { findBroken } from "../../src/domain/guard-plan.ts";
import { familySettings, type NamespaceGuard } from "../../src/domain/guard-settings.ts";
import type { NamespaceName } from "../../src/domain/kernel-state.ts";
import { allowlistTable } from "../../src/domain/nft-allowlist-table.ts";
import {
  acceptStatements,
  type ForeignAccept,
  forwardAccepts,
  inputAccepts,
} from "../../src/domain/nft-foreign-accepts.ts";
import type { NftChain, NftRule, NftTable } from "../../src/domain/nft-table.ts";
import { type FilterPacket, passageOf } from "../support/packet-filter.ts";
import { anyNode, dualStack, keptAddresses, onlyIpv4, type TestNode } from "./firewall-nodes.ts";
import { anyPacket, everyPacket, type PacketWorld, seenInX } from "./firewall-packets.ts";
import {
  allowlistSentences,
  foreignForwardSentences,
  foreignInputSentences,
  mutantsOf,
  nodeLinks,
  nodeSentences,
  type Sentence,
  tailnetLinks,
  tailnetSentences,
} from "./firewall-sentences.ts";
import { freshObservation } from "./model-kernel.ts";

/** The packets of a namespace on that node. */
interface Namespace {
  readonly links: PacketWorld["links"];
  readonly placesOf: (node: TestNode) => PacketWorld["places"];
}
const node: Namespace = { links: Object.values(nodeLinks), placesOf: ({ places }) => places };
const tailnet: Namespace = {
  links: Object.values(tailnetLinks),
  placesOf: ({ places }) => seenInX(places),
};
const forwarded = ({ input, output }: FilterPacket) => input !== undefined && output !== undefined;
const received = ({ input, output }: FilterPacket) => input !== undefined && output === undefined;

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
function plannedTable(namespace: NamespaceName, of: NamespaceGuard): NftTable {
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

/** What headcni-wire loads. */
function allowlistOf({
  settings: { supernets, carrier },
  tailnet: { bindings, served },
}: TestNode): NftTable {
  return allowlistTable({ supernets, tunnel: carrier.tunnel.name }, believedPrefixes(bindings, served));
}

/** Another program's chain with nothing in it but our accepts, before it drops. */
function foreignTable(hook: "forward" | "input", family: 4 | 6, accepts: readonly ForeignAccept[]): NftTable {
  const place = { type: "filter", hook, priority: 0, policy: "drop" } as const;
  const rules = accepts
    .filter((rule) => rule.family === family)
    .map((rule) => ({ name: rule.name, statements: acceptStatements(rule, false) }));
  return { name: "theirs", chains: [{ name: hook, ...place, rules }] };
}

/** One table of ours, the sentences about it, the packets they speak of, and whether kube-proxy translates there. */
interface Subject {
  readonly what: string;
  readonly table: (node: TestNode) => NftTable;
  readonly sentences: readonly Sentence[];
  readonly namespace: Namespace;
  readonly speaksOf: (packet: FilterPacket) => boolean;
  readonly withKubeProxy: boolean;
  /** Absent: of both families, whatever pods have. */
  readonly family?: 4 | 6;
  /** Conditions that change no verdict, and why they stand. */
  readonly needless?: readonly string[];
}

const subjects: readonly Subject[] = [
  {
    what: "the node's table",
    table: ({ settings }) => plannedTable("node", settings),
    sentences: nodeSentences,
    namespace: node,
    speaksOf: () => true,
    withKubeProxy: true,
  },
  {
    what: "the table in X",
    table: ({ settings }) => plannedTable("tailnet", settings),
    sentences: tailnetSentences,
    namespace: tailnet,
    speaksOf: ({ output }) => output !== undefined,
    withKubeProxy: false,
    // IPv6 is clamped lower, whatever this rule did to it before.
    needless: [
      'segment-size-4 without {"match":{"op":"==","left":{"meta":{"key":"nfproto"}},"right":"ipv4"}}',
    ],
  },
  {
    what: "the allowlist in X",
    table: allowlistOf,
    sentences: allowlistSentences,
    namespace: tailnet,
    speaksOf: ({ output }) => output !== undefined,
    withKubeProxy: false,
  },
  ...([4, 6] as const).flatMap((family) => [
    {
      what: `accepts of IPv${family} in a chain that forwards`,
      table: ({ settings }: TestNode) => foreignTable("forward", family, forwardAccepts(settings)),
      sentences: foreignForwardSentences,
      namespace: node,
      speaksOf: forwarded,
      withKubeProxy: true,
      family,
    },
    {
      what: `accepts of IPv${family} in a chain that receives`,
      table: ({ settings }: TestNode) => foreignTable("input", family, inputAccepts(settings)),
      sentences: foreignInputSentences,
      namespace: node,
      speaksOf: received,
      withKubeProxy: false,
      family,
    },
  ]),
];

/** The sentences that a packet breaks. */
function brokenBy(subject: Subject, table: NftTable, packet: FilterPacket, at: TestNode): readonly string[] {
  const passage = passageOf(subject.withKubeProxy ? [table, at.kubeProxy] : [table], packet);
  return subject.sentences.filter(({ holds }) => !holds(packet, passage, at.terms)).map(({ says }) => says);
}

/** Whether the node has pods of the subject's family, so that it is spoken of there. */
function isOn({ family }: Subject, { settings }: TestNode): boolean {
  return family === undefined || familySettings(settings).some((has) => has.family === family);
}

function worldOf({ namespace }: Subject, at: TestNode): PacketWorld {
  return { links: namespace.links, places: namespace.placesOf(at) };
}

describe.each(subjects)("$what", (subject) => {
  const speaksOf = (packet: FilterPacket) =>
    subject.speaksOf(packet) && (subject.family ?? packet.family) === packet.family;
  const packetsOf = (at: TestNode) => anyPacket(worldOf(subject, at)).filter(speaksOf);

  test("keeps every sentence for every packet", () => {
    for (const at of [dualStack, onlyIpv4, keptAddresses].filter((one) => isOn(subject, one))) {
      const table = subject.table(at);
      fc.assert(
        fc.property(packetsOf(at), (packet) => {
          expect(brokenBy(subject, table, packet, at)).toEqual([]);
        }),
        { numRuns: 1_000 },
      );
    }
  });

  test("keeps them on every node", () => {
    fc.assert(
      fc.property(
        anyNode
          .filter((at) => isOn(subject, at))
          .chain((at) =>
            fc.tuple(fc.constant(at), fc.array(packetsOf(at), { minLength: 30, maxLength: 30 })),
          ),
        ([at, packets]) => {
          const table = subject.table(at);
          expect(packets.flatMap((packet) => brokenBy(subject, table, packet, at))).toEqual([]);
        },
      ),
      { numRuns: 100 },
    );
  });

  test("has no rule and no condition that could go, and a rule for every sentence: without it some packet breaks it", () => {
    const packets = inStrides(everyPacket(worldOf(subject, dualStack)).filter(speaksOf));
    const unbroken = new Set(subject.sentences.map(({ says }) => says));
    const breaks = (table: NftTable) => (packet: FilterPacket) => {
      const broken = brokenBy(subject, table, packet, dualStack);
      for (const says of broken) unbroken.delete(says);
      return broken.length > 0;
    };
    const whole = subject.table(dualStack);
    const needless = mutantsOf(whole).filter(({ table }) => !packets.some(breaks(table)));
    expect(needless.map(({ what }) => what)).toEqual(subject.needless ?? []);
    // What no single rule was first in: nothing of it holds without all of them.
    packets.slice(0, 20_000).filter(breaks({ ...whole, chains: [] }));
    expect([...unbroken]).toEqual([]);
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
