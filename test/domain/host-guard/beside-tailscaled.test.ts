import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hostAllowlist } from "../../../src/domain/host-guard/host-allowlist.ts";
import type { NftTable } from "../../../src/domain/nftables/nft-table.ts";
import type { FilterPacket } from "../../support/kernel/filter-packet.ts";
import { type Passage, passageOf } from "../../support/kernel/packet-filter.ts";
import { anyPacket, everyPacket, type PacketWorld } from "../firewall/firewall-packets.ts";
import { plannedTable } from "../firewall/firewall-proof.ts";
import {
  inAny,
  isAllowed,
  isKnown,
  isPodLink,
  isTranslated,
  isUnderlay,
} from "../firewall/firewall-words.ts";
import { type HostNode, hostNodes, onNode } from "./host-nodes.ts";
import { ownerFirewalls, ownerTables } from "./owner-firewall.ts";

/** What becomes of a packet by kube-proxy's table alone, and with it by our tables, by the owner's, and by both. */
interface Passages {
  readonly kubeProxy: Passage;
  readonly ours: Passage;
  readonly theirs: Passage;
  readonly both: Passage;
}

interface Sentence {
  readonly says: string;
  readonly holds: (packet: FilterPacket, passages: Passages, at: HostNode) => boolean;
}

const fromTailnet = ({ input }: FilterPacket) => input?.name === "tailscale0";
/** Of a node that has its tailnet address on the LAN, which tailscaled does not let through. */
const isCgnatOfOthers = (packet: FilterPacket) =>
  !fromTailnet(packet) && inAny(packet.source, ["100.64.0.0/10"]);

function concernsPods(packet: FilterPacket, { theirs }: Passages, { terms }: HostNode): boolean {
  const { input, output, source, destination, state } = packet;
  const ours = [...terms.supernets, ...terms.services];
  const opens =
    isUnderlay(input) &&
    output?.name === "tailscale0" &&
    !isKnown(packet) &&
    theirs.destination === destination &&
    !isAllowed(packet, terms);
  return (
    [source, destination, theirs.destination].some((address) => inAny(address, ours)) ||
    [input, output].some(isPodLink) ||
    opens ||
    state === "untracked"
  );
}

const sentences: readonly Sentence[] = [
  {
    says: "a pod sees which pod or node calls, unless kube-proxy masquerades the caller",
    holds: (packet, { both, kubeProxy }, { terms: { own, supernets } }) =>
      !(both.passes && fromTailnet(packet) && isTranslated(packet)) ||
      !(inAny(packet.source, supernets) && inAny(both.destination, own)) ||
      both.source === kubeProxy.source,
  },
  {
    says: "what our tables let pass of pods tailscaled's let pass, too, between pods from the same address",
    holds: (packet, passages, at) => {
      const { ours, both } = passages;
      if (!concernsPods(packet, passages, at) || isCgnatOfOthers(packet) || !ours.passes) return true;
      // What reaches a pod by a node port, from a Node's own address, and what of an old flow is for nobody here.
      const isNoPodToPod =
        fromTailnet(packet) &&
        !(inAny(packet.source, at.terms.supernets) && inAny(both.destination, at.terms.own));
      return both.passes && (both.source === ours.source || isNoPodToPod);
    },
  },
  {
    says: "what is neither pods' nor Services' passes or not as its owner has it, unchanged",
    holds: (packet, passages, at) =>
      concernsPods(packet, passages, at) || JSON.stringify(passages.both) === JSON.stringify(passages.theirs),
  },
];

function brokenBy(
  packet: FilterPacket,
  at: HostNode,
  ours: readonly NftTable[],
  theirs: readonly NftTable[],
): readonly string[] {
  const passages = {
    kubeProxy: passageOf([at.kubeProxy], packet),
    ours: passageOf([...ours, at.kubeProxy], packet),
    theirs: passageOf([...theirs, at.kubeProxy], packet),
    both: passageOf([...ours, ...theirs, at.kubeProxy], packet),
  };
  return sentences.filter(({ holds }) => !holds(packet, passages, at)).map(({ says }) => says);
}

function oursOf({ settings, believed, terms: { nodes } }: HostNode): readonly NftTable[] {
  return [plannedTable("node", settings), hostAllowlist(settings, { prefixes: believed, nodes })];
}

/** No packet comes in with a mark: those of other namespaces stay behind (net/core/skbuff.c, skb_scrub_packet). */
function worldOf({ places }: HostNode): PacketWorld {
  return {
    links: onNode.links,
    places,
    kinds: (onNode.kinds ?? []).filter(({ mark }) => mark === undefined),
  };
}

const oneOfMany = (_packet: FilterPacket, index: number) => index % 97 === 0;

describe.each(ownerFirewalls)("with tailscaled's netfilter $mode, SNAT of subnets $snat", (owner) => {
  const theirs = ownerTables(owner);

  test("every sentence holds", () => {
    for (const at of [hostNodes.whole, ...hostNodes.others]) {
      const ours = oursOf(at);
      for (const packet of everyPacket(worldOf(at)).filter(oneOfMany))
        expect({ packet, broken: brokenBy(packet, at, ours, theirs) }).toEqual({ packet, broken: [] });
    }
    fc.assert(
      fc.property(
        hostNodes.any.chain((at) =>
          fc.tuple(fc.constant(at), fc.array(anyPacket(worldOf(at)), { minLength: 30, maxLength: 30 })),
        ),
        ([at, packets]) => {
          const ours = oursOf(at);
          expect(packets.flatMap((packet) => brokenBy(packet, at, ours, theirs))).toEqual([]);
        },
      ),
      { numRuns: 50 },
    );
  });
});

test.each(["unmark-4", "unmark-6"])("without %s tailscaled's SNAT hides which pod calls", (name) => {
  const at = hostNodes.whole;
  const ours = oursOf(at).map((table) => ({
    ...table,
    chains: table.chains.map((chain) => ({
      ...chain,
      rules: chain.rules.filter((rule) => rule.name !== name),
    })),
  }));
  const theirs = ownerTables({ mode: "on", snat: true });
  const broken = everyPacket(worldOf(at))
    .filter((packet) => fromTailnet(packet) && isPodLink(packet.output))
    .flatMap((packet) => brokenBy(packet, at, ours, theirs));
  expect(broken).toContain(sentences[0]?.says);
});
