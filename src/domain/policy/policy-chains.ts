import {
  accept,
  addressIn,
  destinationPortIn,
  isInvalid,
  isNoOpener,
  jump,
  type NftStatement,
  refused,
  verdictByPort,
} from "../nftables/nft-statements.ts";
import type { NftRule, NftSubchain } from "../nftables/nft-table.ts";
import type { Combination, PeerGroup } from "./combination.ts";
import type { Direction, Protocol } from "./network-policy.ts";
import type { ContentNames, PolicySets } from "./policy-sets.ts";

/** Where a pod's chain is. */
export interface ChainPlace {
  readonly direction: Direction;
  readonly family: 4 | 6;
}

/** The subchains of a table while it is made. */
export interface PolicyChains {
  /** Name of the chain that judges what opens a flow from or to a pod with this combination; "nothing": all is refused. */
  judging(combination: Combination | "nothing", place: ChainPlace): string;
  made(): readonly NftSubchain[];
}

/**
 * How a policy ends the flows that it now forbids: first its rules are in force, then conntrack's entries of those flows are deleted
 * (by ctnetlink; `traceFlow` says which). The next segment, of either end, would make a new entry (loose pick-up, net/netfilter/nf_conntrack_proto_tcp.c,
 * tcp_new), and one that the pod itself sends would be judged as a flow that the pod opens. So TCP that is no opener is refused, in both directions.
 */
const unplaced: readonly NftRule[] = [
  { name: "invalid", statements: [isInvalid, ...refused] },
  { name: "no-opener", statements: [isNoOpener, ...refused] },
];
const remaining: NftRule = { name: "not-allowed", statements: refused };
const transports = { TCP: "tcp", UDP: "udp", SCTP: "sctp" } as const satisfies Record<Protocol, string>;

export function policyChains(names: ContentNames, sets: PolicySets): PolicyChains {
  const chains = new Map<string, NftSubchain>();

  const chain = (prefix: string, { family }: ChainPlace, rules: readonly NftRule[]): string => {
    const name = names.nameFor(`${prefix}${family}`, rules);
    chains.set(name, { name, rules });
    return name;
  };

  /** Accepts whoever is of the group; others go on. */
  const peerRules = (peers: PeerGroup, { direction, family }: ChainPlace): readonly NftRule[] => {
    if (peers === "everybody") return [{ name: "everybody", statements: [accept] }];
    const end = direction === "ingress" ? "saddr" : "daddr";
    return sets
      .peersIn(peers, family)
      .map((set) => ({ name: "peers", statements: [addressIn(family, end, [set]), accept] }));
  };

  const verdictFor = (peers: PeerGroup, place: ChainPlace): NftStatement =>
    peers === "everybody" ? accept : jump(chain("peers", place, peerRules(peers, place)));

  const rulesFor = ({ everyPort, ports, named }: Combination, place: ChainPlace): readonly NftRule[] => [
    ...unplaced,
    ...peerRules(everyPort, place),
    ...[...Map.groupBy(ports, ({ protocol }) => protocol)].map(([protocol, ranges]) => ({
      name: transports[protocol],
      statements: [
        verdictByPort(
          transports[protocol],
          ranges.map(({ first, last, peers }) => ({ first, last, verdict: verdictFor(peers, place) })),
        ),
      ],
    })),
    ...(named.length === 0
      ? []
      : [
          {
            name: "named-ports",
            statements: [destinationPortIn(place.family, sets.namedIn(named, place.family)), accept],
          },
        ]),
    ...(everyPort === "everybody" ? [] : [remaining]),
  ];

  /** Pods that are alike have one and the same combination: its rules are written once. */
  const known = new Map<string, Map<Combination | "nothing", string>>();

  return {
    judging: (combination, place) => {
      const key = `${place.direction}${place.family}`;
      const chainOf = known.get(key) ?? new Map<Combination | "nothing", string>();
      known.set(key, chainOf);
      const rules = () => (combination === "nothing" ? [remaining] : rulesFor(combination, place));
      const name = chainOf.get(combination) ?? chain(place.direction, place, rules());
      chainOf.set(combination, name);
      return name;
    },
    made: () => [...chains.values()],
  };
}
