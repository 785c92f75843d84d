import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findBroken } from "../../../src/domain/guard/guard-plan.ts";
import { familySettings, type GuardSettings } from "../../../src/domain/guard/guard-settings.ts";
import type { NamespaceName } from "../../../src/domain/kernel/kernel-state.ts";
import { acceptStatements, type ForeignAccept } from "../../../src/domain/nftables/nft-foreign-accepts.ts";
import type { NftChain, NftRule, NftTable } from "../../../src/domain/nftables/nft-table.ts";
import type { FilterPacket } from "../../support/kernel/filter-packet.ts";
import { passagesThrough } from "../../support/kernel/packet-filter.ts";
import { freshObservation } from "../guard/model-kernel.ts";
import { mutantsOf } from "./firewall-mutants.ts";
import type { Places } from "./firewall-nodes.ts";
import { anyPacket, everyPacket, type PacketWorld } from "./firewall-packets.ts";
import type { CommonTerms, Sentence } from "./firewall-words.ts";

/** A node as the guard is told of it, and as the sentences are. */
export interface ProvenNode {
  readonly settings: GuardSettings;
  readonly terms: CommonTerms;
  readonly places: Places;
  readonly kubeProxy: NftTable;
}

/** The packets of a namespace on that node. */
export interface Namespace<N> extends Pick<PacketWorld, "links" | "kinds"> {
  readonly placesOf: (node: N) => PacketWorld["places"];
}

/** One table of ours, the sentences about it, the packets they speak of, and whether kube-proxy translates there. */
export interface Subject<N extends ProvenNode> {
  readonly what: string;
  readonly table: (node: N) => NftTable;
  readonly sentences: readonly Sentence<N["terms"]>[];
  readonly namespace: Namespace<N>;
  readonly speaksOf: (packet: FilterPacket) => boolean;
  readonly withKubeProxy: boolean;
  /** Absent: of both families, whatever pods have. */
  readonly family?: 4 | 6;
  /** Conditions that change no verdict, and why they stand. */
  readonly needless?: readonly string[];
}

/** `whole` has everything that a node may have; `others` are written down by hand, too. */
export interface ProvenNodes<N extends ProvenNode> {
  readonly whole: N;
  readonly others: readonly N[];
  readonly any: fc.Arbitrary<N>;
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
export function plannedTable(namespace: NamespaceName, of: GuardSettings): NftTable {
  const repairs = findBroken(of, freshObservation).flatMap((broken) => broken.repairs);
  const commands = repairs
    .filter((repair) => repair.kind === "firewall" && repair.namespace === namespace)
    .flatMap((repair) => (repair.kind === "firewall" ? repair.changes : []))
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
export function foreignTable(
  hook: "forward" | "input",
  family: 4 | 6,
  accepts: readonly ForeignAccept[],
): NftTable {
  const place = { type: "filter", hook, priority: 0, policy: "drop" } as const;
  const rules = accepts
    .filter((rule) => rule.family === family)
    .map((rule) => ({ name: rule.name, statements: acceptStatements(rule, false) }));
  return { name: "theirs", chains: [{ name: hook, ...place, rules }] };
}

/** That each subject keeps its sentences, and needs all that it has. */
export function prove<N extends ProvenNode>(subjects: readonly Subject<N>[], nodes: ProvenNodes<N>): void {
  proveKept(subjects, nodes);
  proveNeeded(subjects, nodes);
}

/** That each subject keeps its sentences. */
export function proveKept<N extends ProvenNode>(
  subjects: readonly Subject<N>[],
  { whole: fullNode, others, any }: ProvenNodes<N>,
): void {
  describe.each(subjects)("$what", (subject) => {
    const packetsOf = (at: N) => anyPacket(worldOf(subject, at)).filter(speaksFor(subject));

    test("keeps every sentence for every packet", () => {
      for (const at of [fullNode, ...others].filter((one) => isOn(subject, one))) {
        const broken = brokenIn(subject, subject.table(at), at);
        fc.assert(
          fc.property(packetsOf(at), (packet) => {
            expect(broken(packet)).toEqual([]);
          }),
          { numRuns: 1_000 },
        );
      }
    });

    test("keeps them on every node", () => {
      fc.assert(
        fc.property(
          any
            .filter((at) => isOn(subject, at))
            .chain((at) =>
              fc.tuple(fc.constant(at), fc.array(packetsOf(at), { minLength: 30, maxLength: 30 })),
            ),
          ([at, packets]) => {
            expect(packets.flatMap(brokenIn(subject, subject.table(at), at))).toEqual([]);
          },
        ),
        { numRuns: 100 },
      );
    });
  });
}

function speaksFor<N extends ProvenNode>(subject: Subject<N>): (packet: FilterPacket) => boolean {
  return (packet) => subject.speaksOf(packet) && (subject.family ?? packet.family) === packet.family;
}

function proveNeeded<N extends ProvenNode>(
  subjects: readonly Subject<N>[],
  { whole: fullNode }: ProvenNodes<N>,
): void {
  describe.each(subjects)("$what", (subject) => {
    test("has no rule and no condition that could go, and a rule for every sentence: without it some packet breaks it", () => {
      const packets = inStrides(everyPacket(worldOf(subject, fullNode)).filter(speaksFor(subject)));
      const unbroken = new Set(subject.sentences.map(({ says }) => says));
      const breaks = (table: NftTable) => {
        const broken = brokenIn(subject, table, fullNode);
        return (packet: FilterPacket) => {
          const says = broken(packet);
          for (const sentence of says) unbroken.delete(sentence);
          return says.length > 0;
        };
      };
      const whole = subject.table(fullNode);
      // What broke one mutant often breaks the next one, too.
      const known: FilterPacket[] = [];
      const isNeeded = (table: NftTable) => {
        if (known.some(breaks(table))) return true;
        const found = packets.find(breaks(table));
        if (found !== undefined) known.push(found);
        return found !== undefined;
      };
      const needless = mutantsOf(whole).filter(({ table }) => !isNeeded(table));
      expect(needless.map(({ what }) => what)).toEqual(subject.needless ?? []);
      // What no single rule was first in: nothing of it holds without all of them.
      packets.slice(0, 20_000).filter(breaks({ ...whole, chains: [] }));
      expect([...unbroken]).toEqual([]);
    });
  });
}

/** Tells the sentences that a packet breaks. */
function brokenIn<N extends ProvenNode>(
  { sentences, withKubeProxy }: Subject<N>,
  table: NftTable,
  { kubeProxy, terms }: N,
): (packet: FilterPacket) => readonly string[] {
  const passageOf = passagesThrough(withKubeProxy ? [table, kubeProxy] : [table]);
  return (packet) => {
    const passage = passageOf(packet);
    return sentences.filter(({ holds }) => !holds(packet, passage, terms)).map(({ says }) => says);
  };
}

/** Whether the node has pods of the subject's family, so that it is spoken of there. */
function isOn<N extends ProvenNode>({ family }: Subject<N>, { settings }: N): boolean {
  return family === undefined || familySettings(settings).some((has) => has.family === family);
}

function worldOf<N extends ProvenNode>({ namespace }: Subject<N>, at: N): PacketWorld {
  const { placesOf, ...world } = namespace;
  return { ...world, places: placesOf(at) };
}

/** The same packets, unlike ones side by side: what breaks a sentence is found sooner. */
function inStrides(packets: readonly FilterPacket[]): readonly FilterPacket[] {
  let stride = Math.ceil(packets.length * 0.618);
  while (commonDivisor(stride, packets.length) !== 1) stride += 1;
  return packets.flatMap((_, at) => packets[(at * stride) % packets.length] ?? []);
}

function commonDivisor(one: number, other: number): number {
  return other === 0 ? one : commonDivisor(other, one % other);
}
