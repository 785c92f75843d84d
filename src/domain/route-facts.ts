import {
  byPlace,
  containsPrefix,
  formatPrefix,
  overlaps,
  type Prefix,
  parsePrefix,
  readPrefix,
  routerAddress,
} from "./prefix.ts";
import { refusedPrefixes } from "./refused-prefixes.ts";
import type { TailnetPeer, TailnetStatus } from "./tailnet-status.ts";

/** What is known about an own prefix at one moment. */
export interface OwnRouteFacts {
  /** A netmap from control, received since tailscaled started, and control there now. */
  readonly ready: boolean;
  /** Control is there, or was there since tailscaled started: what the netmap says is not just a memory from before. */
  readonly fresh: boolean;
  readonly nodeId: string;
  /** Headscale makes this node serve the prefix. */
  readonly served: boolean;
  /** Host that serves exactly this prefix instead of us; empty when none. */
  readonly takenBy: string;
  /** Router addresses of online peers that should answer a packet from ours. */
  readonly witnesses: readonly string[];
}

/** What is known about a peer's prefix at one moment. */
export interface PeerRouteFacts {
  /** In the netmap as served by that peer. */
  readonly announced: boolean;
  /** In X's table 52. */
  readonly installed: boolean;
  readonly nodeId: string;
  readonly hostName: string;
  /**
   * Host whose prefix overlaps this one ("this node" for our own), or the announcing host itself when the prefix is no
   * Node's pod CIDR; empty when all is well.
   */
  readonly culprit: string;
}

/** Peers' prefixes by prefix text, and the peers that are in the netmap at all (by node id). */
export interface PeerRoutes {
  readonly facts: Readonly<Record<string, PeerRouteFacts>>;
  readonly known: Readonly<Record<string, true>>;
  /** What of the supernets is announced and no Node's; empty while the Nodes are not known. */
  readonly refused: readonly string[];
}

interface Announced {
  readonly prefix: Prefix;
  readonly text: string;
  readonly nodeId: string;
  readonly hostName: string;
}

/** Name of this node in `culprit`. */
export const thisNode = "this node";
const mostWitnesses = 9;

/** Whether tailscaled has a netmap to speak of. */
export function hasNetmap({ backendState, self }: TailnetStatus): boolean {
  return (backendState === "Running" || backendState === "Starting") && self.nodeId !== "";
}

/** Facts of one own prefix out of a status; `installed` (texts) are the prefixes in table 52, its peers bear witness first. */
export function ownRouteFacts(
  prefix: string,
  supernets: readonly string[],
  status: TailnetStatus,
  installed: Readonly<Record<string, true>>,
): OwnRouteFacts {
  const running = status.backendState === "Running";
  const own = parsePrefix(prefix);
  const inside = supernets.map(parsePrefix);
  const candidates = servedBy(status.peers.filter(({ online }) => online)).filter(
    (route) =>
      route.family === own.family &&
      inside.some((supernet) => containsPrefix(supernet, route)) &&
      !overlaps(own, route),
  );
  const rank = (route: Prefix) => (installed[formatPrefix(route)] === true ? 0 : 1);
  const taker = status.peers.find((peer) => peer.primaryRoutes.includes(prefix));
  return {
    ready: running && status.fresh && status.self.online,
    fresh: running && status.fresh,
    nodeId: status.self.nodeId,
    // Headscale 0.29 does not tell a node that it lost a prefix to another one, but it tells it of the other.
    served: running && taker === undefined && status.self.primaryRoutes.includes(prefix),
    takenBy: taker?.hostName ?? "",
    witnesses: candidates
      .toSorted((a, b) => rank(a) - rank(b))
      .slice(0, mostWitnesses)
      .map(routerAddress),
  };
}

/** Facts of all peers' prefixes inside the supernets. `expected`: the pod CIDRs of all Nodes, null until they are known. */
export function peerRoutes(
  own: readonly string[],
  supernets: readonly string[],
  status: TailnetStatus,
  installed: Readonly<Record<string, true>>,
  expected: Readonly<Record<string, true>> | null = null,
): PeerRoutes {
  if (!hasNetmap(status)) return { facts: {}, known: {}, refused: [] };
  const inside = supernets.map(parsePrefix);
  const ours = own.map((text) => ({ prefix: parsePrefix(text), text, nodeId: "", hostName: thisNode }));
  const theirs = status.peers.flatMap(({ nodeId, hostName, primaryRoutes }) =>
    primaryRoutes.flatMap((text): readonly Announced[] => {
      const prefix = readPrefix(text);
      const counts = prefix !== undefined && inside.some((supernet) => containsPrefix(supernet, prefix));
      return counts ? [{ prefix, text, nodeId, hostName }] : [];
    }),
  );
  const culprits = findOverlaps([...ours, ...theirs]);
  return {
    facts: Object.fromEntries(
      theirs.map(({ text, nodeId, hostName }) => [
        text,
        {
          announced: true,
          installed: installed[text] === true,
          nodeId,
          hostName,
          culprit:
            expected !== null && expected[text] === undefined
              ? hostName
              : (culprits.get(`${nodeId} ${text}`) ?? ""),
        },
      ]),
    ),
    known: named(status.peers.map(({ nodeId }) => nodeId)),
    // This node works with its prefixes whatever its Node says.
    refused:
      expected === null
        ? []
        : refusedPrefixes(servedBy(status.peers), inside, { ...expected, ...named(own) }),
  };
}

/** All prefixes that the peers serve, also those that reach beyond the supernets. */
function servedBy(peers: readonly TailnetPeer[]): readonly Prefix[] {
  return peers
    .flatMap(({ primaryRoutes }) => primaryRoutes.map(readPrefix))
    .filter((prefix) => prefix !== undefined);
}

function named(names: readonly string[]): Readonly<Record<string, true>> {
  return Object.fromEntries(names.map((name) => [name, true]));
}

/**
 * For each announcement that overlaps another one: the host of the other ("this node" before all others). In order of address
 * a prefix is followed by those inside it, so a stack of the open ones finds all pairs that matter.
 */
function findOverlaps(announced: readonly Announced[]): ReadonlyMap<string, string> {
  const ordered = [...announced].sort((a, b) => byPlace(a.prefix, b.prefix));
  const culprits = new Map<string, string>();
  const blame = (one: Announced, other: Announced) => {
    const key = `${one.nodeId} ${one.text}`;
    if (culprits.get(key) !== thisNode) culprits.set(key, other.hostName);
  };
  let open: Announced[] = [];
  for (const next of ordered) {
    open = open.filter((outer) => containsPrefix(outer.prefix, next.prefix));
    for (const outer of open.filter(({ nodeId }) => nodeId !== next.nodeId)) {
      blame(outer, next);
      blame(next, outer);
    }
    open.push(next);
  }
  return culprits;
}
