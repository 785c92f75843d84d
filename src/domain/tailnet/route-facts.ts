import {
  byPlace,
  containsPrefix,
  formatPrefix,
  overlaps,
  type Prefix,
  parsePrefix,
  readPrefix,
  routerAddress,
} from "../addresses/prefix.ts";
import type { BoundNodes } from "../kubernetes/node-bindings.ts";
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
  /** In the tailnet namespace's table 52. */
  readonly installed: boolean;
  readonly nodeId: string;
  readonly hostName: string;
  /** Its Node has published which tailnet node serves it; true where Nodes say nothing. */
  readonly published: boolean;
  /**
   * The announcing host when the prefix is no Node's pod CIDR, or that of a Node which is another machine. Without Nodes the host
   * whose prefix overlaps this one ("this node" for our own). Empty when all is well.
   */
  readonly culprit: string;
}

/** Peers' prefixes by prefix text, and the peers that are in the netmap at all (by node id). */
export interface PeerRoutes {
  readonly facts: Readonly<Record<string, PeerRouteFacts>>;
  readonly known: Readonly<Record<string, true>>;
  /** How many prefixes are announced that are no Node's, those without facts included; 0 while the Nodes are not known. */
  readonly strangers: number;
}

/** What the facts are found in. */
export interface RouteView {
  /** The cluster's pod CIDRs. */
  readonly supernets: readonly string[];
  readonly status: TailnetStatus;
  /** Prefixes (texts) in the tailnet namespace's table 52. */
  readonly installed: Readonly<Record<string, true>>;
  /** The pod CIDRs of all Nodes, null until they are known. */
  readonly bound: BoundNodes | null;
}

interface Announced {
  readonly prefix: Prefix;
  readonly text: string;
  readonly nodeId: string;
  readonly hostName: string;
}

/** Name of this node in `culprit`. */
export const thisNode = "this node";
const maxWitnesses = 9;
/**
 * So many prefixes that are no Node's have facts, and while the Nodes are not known so many of each peer: how many there are is up to
 * whoever announces them.
 */
export const maxStrangers = 64;

/** Whether tailscaled has a netmap to speak of. */
export function hasNetmap({ backendState, self }: Pick<TailnetStatus, "backendState" | "self">): boolean {
  return (backendState === "Running" || backendState === "Starting") && self.nodeId !== "";
}

/**
 * Facts of one own prefix; the peers of installed prefixes bear witness first. Where Nodes are known nobody else does: packets to others
 * are refused.
 */
export function ownRouteFacts(
  prefix: string,
  { supernets, status, installed, bound }: RouteView,
): OwnRouteFacts {
  const running = status.backendState === "Running";
  const own = parsePrefix(prefix);
  const inside = supernets.map(parsePrefix);
  const candidates = servedBy(
    status.peers.filter(({ online }) => online),
    bound,
  ).filter(
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
      .slice(0, maxWitnesses)
      .map(routerAddress),
  };
}

/**
 * Facts of peers' prefixes inside the supernets. Once the Nodes are known, all announcements of Nodes' prefixes have facts, and of others
 * the first `maxStrangers`; until then the first `maxStrangers` of each peer.
 */
export function peerRoutes(
  own: readonly string[],
  { supernets, status, installed, bound }: RouteView,
): PeerRoutes {
  if (!hasNetmap(status)) return { facts: {}, known: {}, strangers: 0 };
  const inside = supernets.map(parsePrefix);
  const ours = own.map((text) => ({ prefix: parsePrefix(text), text, nodeId: "", hostName: thisNode }));
  const theirs = status.peers.flatMap(({ nodeId, hostName, primaryRoutes }) =>
    primaryRoutes.flatMap((text): readonly Announced[] => {
      const prefix = readPrefix(text);
      const counts = prefix !== undefined && inside.some((supernet) => containsPrefix(supernet, prefix));
      return counts ? [{ prefix, text, nodeId, hostName }] : [];
    }),
  );
  const known = named(status.peers.map(({ nodeId }) => nodeId));
  const factsOf = (routes: readonly Announced[], judge: (route: Announced) => Judgement) =>
    Object.fromEntries(
      routes.map((route) => {
        const { text, nodeId, hostName } = route;
        return [
          text,
          { announced: true, installed: installed[text] === true, nodeId, hostName, ...judge(route) },
        ];
      }),
    );
  if (bound === null) {
    const culprits = findOverlaps([...ours, ...theirs]);
    const judge = ({ nodeId, text }: Announced) => ({
      published: true,
      culprit: culprits.get(`${nodeId} ${text}`) ?? "",
    });
    return { facts: factsOf(firstOfEach(theirs), judge), known, strangers: 0 };
  }
  const strangers = theirs.filter(({ text }) => bound[text] === undefined);
  const ofNodes = theirs.filter(({ text }) => bound[text] !== undefined);
  return {
    facts: factsOf([...strangers.slice(0, maxStrangers), ...ofNodes], (route) => judgeByNode(route, bound)),
    known,
    strangers: strangers.length,
  };
}

/** The first `maxStrangers` of each peer. */
function firstOfEach(announced: readonly Announced[]): readonly Announced[] {
  const byPeer = Map.groupBy(announced, ({ nodeId }) => nodeId);
  return [...byPeer.values()].flatMap((of) => of.slice(0, maxStrangers));
}

type Judgement = Pick<PeerRouteFacts, "published" | "culprit">;

function judgeByNode({ text, nodeId, hostName }: Announced, bound: BoundNodes): Judgement {
  const wanted = bound[text];
  return { published: wanted !== "", culprit: wanted === nodeId || wanted === "" ? "" : hostName };
}

/** All prefixes that the peers serve, also those that reach beyond the supernets; of known Nodes only what is theirs. */
function servedBy(peers: readonly TailnetPeer[], bound: BoundNodes | null): readonly Prefix[] {
  return peers
    .flatMap(({ nodeId, primaryRoutes }) =>
      primaryRoutes.filter((text) => bound === null || bound[text] === nodeId).map(readPrefix),
    )
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
