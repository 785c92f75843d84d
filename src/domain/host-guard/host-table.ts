import { type FamilySettings, familySettings, type HostGuard } from "../guard/guard-settings.ts";
import { subnetRouteMark } from "../kernel/kernel-constants.ts";
import {
  duplicate,
  inClear,
  keptSource,
  knownFlow,
  leavingPods,
  podGroups,
  podSources,
  servicesFromUnderlay,
  servicesInClear,
  spoofed,
  translated,
  underlayEntry,
  untranslated,
} from "../nftables/nft-node-rules.ts";
import { nftTableName } from "../nftables/nft-node-table.ts";
import {
  addressIn,
  addressNotIn,
  belongsToNoFlow,
  clampSegment,
  clearMark,
  hasMark,
  isTcpSyn,
  keepSource,
  lacksChecksum,
  metaIs,
  metaIsNot,
  type NftStatement,
  refused,
  wasNotTranslated,
  writeZeroChecksum,
} from "../nftables/nft-statements.ts";
import type { NftChain, NftRule, NftTable } from "../nftables/nft-table.ts";
import { asRouter } from "../nftables/nft-tailnet-table.ts";
import { podsToMembers } from "./pods-to-members.ts";

/** Before the translations of tailscaled and kube-proxy (100), of which the first one counts. */
const beforeOthersNat = 95;

/**
 * Our table beside the node's own tailscaled: what the node's table and that in the tailnet namespace hold otherwise, with tailscaled's
 * interface in place of the veth. Whoever else uses that interface is not touched, but for new flows from the underlay, which the node is
 * no gateway for. Who in the tailnet is believed, and whom pods may reach there, is the allowlist's; without Kubernetes there is none.
 */
export function hostTable(settings: HostGuard): NftTable {
  const families = familySettings(settings);
  const { elsewhere } = settings.carrier;
  const { name: tunnel, mtu } = settings.carrier.tunnel;
  const leaving = (family: FamilySettings) => leavingCluster(settings, family);
  return {
    name: nftTableName,
    chains: [
      {
        name: "sources",
        ...{ type: "filter", hook: "prerouting", priority: -300, policy: "accept" },
        rules: [
          ...podSources,
          ...(elsewhere ? families.map((family) => fromElsewhere(tunnel, family)) : []),
          ...families.flatMap((family) => [
            spoofed(tunnel, family),
            duplicate(tunnel, family),
            ...servicesFromUnderlay(tunnel, settings, family),
            ...servicesFromTailnet(tunnel, family),
          ]),
          ...families.filter(({ family }) => family === 6).map((family) => zeroChecksum(tunnel, family)),
        ],
      },
      ...(settings.nodesKnown ? [] : [membersChain(settings, families)]),
      {
        name: "forward",
        ...{ type: "filter", hook: "forward", priority: -150, policy: "accept" },
        rules: [
          ...families.flatMap((family) => clamp(family, tunnel, mtu)),
          ...families.map((family) => tailnetLoop(tunnel, family)),
          ...families.map((family) => keptSource(leaving(family), family)),
          knownFlow,
          translated,
          ...families.flatMap((family) => [
            tailnetExit(tunnel, family),
            tailnetMembers(tunnel, family),
            untranslated(leaving(family), family),
            untranslatedInward(tunnel, family),
          ]),
          ...underlayEntry(tunnel, settings, families),
        ],
      },
      {
        name: "barrier",
        ...{ type: "filter", hook: "postrouting", priority: -150, policy: "accept" },
        rules: families.flatMap((family) => [
          inClear(tunnel, family),
          ...(elsewhere ? [toElsewhere(tunnel, family)] : []),
          ...servicesInClear(offNode, family),
        ]),
      },
      {
        name: "unmark",
        ...{ type: "filter", hook: "postrouting", priority: beforeOthersNat, policy: "accept" },
        rules: families.map(unmark),
      },
      {
        name: "outbound",
        ...{ type: "nat", hook: "postrouting", priority: beforeOthersNat, policy: "accept" },
        rules: families.flatMap((family) => [
          asRouter(family, tunnel),
          leavingPods(leaving(family), family),
          asItself(tunnel, family),
        ]),
      },
    ],
  };
}

/** A chain of its own, as it accepts what goes to the resolver. */
function membersChain({ carrier }: HostGuard, families: readonly FamilySettings[]): NftChain {
  const rules = podsToMembers(
    carrier,
    families.map(({ family }) => family),
    "nobody",
  );
  return {
    name: "members",
    ...{ type: "filter", hook: "forward", priority: -160, policy: "accept" },
    rules: [knownFlow, translated, ...rules],
  };
}

/** In a known flow or not: who has pods' addresses in another tailnet is none of ours. */
function fromElsewhere(tunnel: string, { family, supernets }: FamilySettings): NftRule {
  return {
    name: `elsewhere-in-${family}`,
    statements: [metaIs("iifname", tunnel), addressIn(family, "saddr", supernets), ...refused],
  };
}

function toElsewhere(tunnel: string, { family, supernets }: FamilySettings): NftRule {
  return {
    name: `elsewhere-out-${family}`,
    statements: [metaIs("oifname", tunnel), addressIn(family, "daddr", supernets), ...refused],
  };
}

/** Leaves neither to a pod nor to the node itself. */
const offNode: readonly NftStatement[] = [metaIsNot("oifname", "lo"), metaIsNot("oifgroup", podGroups)];

/**
 * The ways on which a pod takes another address: by the tailnet to where no pods are always (an exit node, another's subnet), as the
 * tailnet knows pods by it among themselves only; by the underlay unless pods keep theirs.
 */
function leavingCluster(
  { masquerade, carrier }: HostGuard,
  { family, supernets }: FamilySettings,
): readonly NftStatement[] {
  const outside = addressNotIn(family, "daddr", supernets);
  return masquerade ? [...offNode, outside] : [metaIs("oifname", carrier.tunnel.name), outside];
}

/** Members of the tailnet reach Services by node ports alone. */
function servicesFromTailnet(tunnel: string, { family, services }: FamilySettings): readonly NftRule[] {
  if (services.length === 0) return [];
  return [
    {
      name: `service-from-tailnet-${family}`,
      statements: [metaIs("iifname", tunnel), addressIn(family, "daddr", services), ...refused],
    },
  ];
}

/** As in the tailnet namespace, for what pods and nodes send each other. */
function zeroChecksum(tunnel: string, { family, supernets }: FamilySettings): NftRule {
  return {
    name: `zero-checksum-${family}`,
    statements: [
      metaIs("iifname", tunnel),
      addressIn(family, "saddr", supernets),
      lacksChecksum,
      writeZeroChecksum,
    ],
  };
}

/** Of pods' TCP across the tunnel: its MTU bounds both directions. */
function clamp({ family, supernets }: FamilySettings, tunnel: string, mtu: number): readonly NftRule[] {
  const lower = [isTcpSyn, clampSegment(mtu - (family === 4 ? 40 : 60))];
  return [
    {
      name: `segment-size-out-${family}`,
      statements: [metaIs("oifname", tunnel), addressIn(family, "daddr", supernets), ...lower],
    },
    {
      name: `segment-size-in-${family}`,
      statements: [metaIs("iifname", tunnel), addressIn(family, "saddr", supernets), ...lower],
    },
  ];
}

/** What comes out of the tailnet for pods is for ours, but for node ports whose pods are elsewhere. */
function tailnetLoop(tunnel: string, { family, ownPrefixes, supernets }: FamilySettings): NftRule {
  return {
    name: `tailnet-loop-${family}`,
    statements: [
      metaIs("iifname", tunnel),
      addressIn(family, "daddr", supernets),
      addressNotIn(family, "daddr", ownPrefixes),
      wasNotTranslated,
      ...refused,
    ],
  };
}

/** The node is no way for other nodes' pods to its LAN, an exit node or another member. */
function tailnetExit(tunnel: string, { family, ownPrefixes, supernets }: FamilySettings): NftRule {
  return {
    name: `tailnet-exit-${family}`,
    statements: [
      metaIs("iifname", tunnel),
      addressIn(family, "saddr", supernets),
      addressNotIn(family, "daddr", ownPrefixes),
      ...refused,
    ],
  };
}

/** Members of the tailnet that are no pods open nothing to pods, whoever they are. */
function tailnetMembers(tunnel: string, { family, supernets }: FamilySettings): NftRule {
  return {
    name: `tailnet-members-${family}`,
    statements: [
      metaIs("iifname", tunnel),
      addressNotIn(family, "saddr", supernets),
      addressIn(family, "daddr", supernets),
      ...refused,
    ],
  };
}

/** `router-source` never sees these, so they would take an address of the LAN into the tailnet. */
function untranslatedInward(tunnel: string, { family, ownPrefixes, supernets }: FamilySettings): NftRule {
  return {
    name: `untranslated-inward-${family}`,
    statements: [
      metaIs("oifname", tunnel),
      addressNotIn(family, "saddr", ownPrefixes),
      addressIn(family, "daddr", supernets),
      belongsToNoFlow,
      ...refused,
    ],
  };
}

/**
 * Behind `router-source`. kube-proxy gives a pod that asks a node port the address of the link that its packets leave by, which here is
 * the node's in the tailnet: peers refuse that. A pod's own address leads back to its node as well.
 */
function asItself(tunnel: string, { family, supernets }: FamilySettings): NftRule {
  return {
    name: `pod-source-${family}`,
    statements: [metaIs("oifname", tunnel), addressIn(family, "daddr", supernets), keepSource(family)],
  };
}

/**
 * tailscaled gives what it lets through to a subnet the node's own address, by this mark (util/linuxfw/iptables_runner.go, AddSNATRule):
 * pods would not see who calls. What others send to its owner's subnets keeps the mark.
 */
function unmark({ family, ownPrefixes, supernets }: FamilySettings): NftRule {
  return {
    name: `unmark-${family}`,
    statements: [
      addressIn(family, "saddr", supernets),
      addressIn(family, "daddr", ownPrefixes),
      hasMark(subnetRouteMark),
      clearMark(subnetRouteMark),
    ],
  };
}
