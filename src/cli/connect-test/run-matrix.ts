import { parseAddress, parsePrefix, routerAddress } from "../../domain/addresses/prefix.ts";
import { toFailure } from "../../domain/failure.ts";
import type { RemoteNode } from "./agent/remote-node.ts";
import type { PairObservation, TestNode, TestPeer } from "./diagnose/observation.ts";

export interface MatrixResult {
  readonly nodes: readonly TestNode[];
  /** Nodes that could not be asked, and why. */
  readonly absent: readonly { readonly name: string; readonly why: string }[];
  readonly pairs: readonly PairObservation[];
}

export interface MatrixOptions {
  /** Ends the test; what was attached is detached all the same. */
  readonly signal: AbortSignal;
  /** 0: TCP is not measured. */
  readonly throughputMs: number;
  readonly said: (step: string) => void;
  /** Opens a node that only another one told of; undefined: such nodes are tested from outside only. */
  readonly open: ((name: string) => RemoteNode) | undefined;
}

interface Member {
  readonly remote: RemoteNode;
  readonly node: TestNode;
}

/** Tests every ordered pair of the nodes that the first one knows. Throws ConnectTestError when the first one cannot begin. */
export async function runMatrix(first: RemoteNode, options: MatrixOptions): Promise<MatrixResult> {
  const { said, open, throughputMs } = options;
  const remotes: RemoteNode[] = [first];
  // Questions still open fail once the other side has ended.
  const giveUp = () => void Promise.all(remotes.map((remote) => remote.close()));
  options.signal.addEventListener("abort", giveUp);
  try {
    said("attaching a test pod");
    const own = await first.begin();
    const members: Member[] = [{ remote: first, node: own }];
    const absent: { name: string; why: string }[] = [];
    if (open !== undefined)
      await Promise.all(
        own.peers.map(async ({ name }) => {
          said("attaching test pods on the other nodes");
          const remote = open(name);
          remotes.push(remote);
          try {
            members.push({ remote, node: await remote.begin() });
          } catch (error) {
            absent.push({ name, why: toFailure(error).message });
          }
        }),
      );
    members.sort((one, other) => one.node.name.localeCompare(other.node.name, "en", { numeric: true }));
    said("testing all ways");
    // Each node tests its ways one after another, all nodes at once.
    const observed = await Promise.all(members.map((member) => observeFrom(member, members)));
    const pairs = observed.flat();
    for (const [index, pair] of pairs.entries()) {
      if (throughputMs === 0) break;
      said(`measuring TCP from ${pair.from.name} to ${pair.toName}`);
      const bitsPerSecond = await measure(pair, members, throughputMs);
      pairs[index] = { ...pair, bitsPerSecond };
    }
    return { nodes: members.map(({ node }) => node), absent, pairs };
  } finally {
    said("detaching the test pods");
    await Promise.all(remotes.map((remote) => remote.close()));
  }
}

async function observeFrom({ node, remote }: Member, members: readonly Member[]): Promise<PairObservation[]> {
  const pairs: PairObservation[] = [];
  for (const { name, peer, to } of othersOf(node, members)) {
    const router = to?.routerAddress ?? routerOf(peer, node);
    const target = {
      name,
      tailnetAddress: peer?.tailnetAddress ?? "",
      routerAddress: router ?? "",
      podAddress: to?.podAddress ?? "",
    };
    const way = router === undefined ? undefined : await remote.way(target).catch(() => undefined);
    const routed = routerOf(peer, node) === undefined ? undefined : peer;
    pairs.push({ from: node, toName: name, to, peer: routed, way, bitsPerSecond: undefined });
  }
  return pairs;
}

interface Other {
  readonly name: string;
  readonly peer: TestPeer | undefined;
  readonly to: TestNode | undefined;
}

/** The other members, and the peers that are none of them, by name. */
function othersOf(node: TestNode, members: readonly Member[]): readonly Other[] {
  const nodes = members.map((member) => member.node).filter((other) => other !== node);
  const peerOf = (other: TestNode) =>
    node.peers.find(({ podCidrs }) => podCidrs.some((cidr) => other.podCidrs.includes(cidr)));
  const known = nodes.map((to) => ({ name: to.name, peer: peerOf(to), to }));
  const unknown = node.peers
    .filter((peer) => known.every((other) => other.peer !== peer))
    .map((peer) => ({ name: peer.name, peer, to: undefined }));
  return [...known, ...unknown].sort((one, other) =>
    one.name.localeCompare(other.name, "en", { numeric: true }),
  );
}

/** The peer's router address of the family that a node tests; undefined when it serves no prefix of that family. */
function routerOf(peer: TestPeer | undefined, { routerAddress: own }: TestNode): string | undefined {
  const { family } = parseAddress(own);
  const slice = (peer?.podCidrs ?? []).map(parsePrefix).find((prefix) => prefix.family === family);
  return slice === undefined ? undefined : routerAddress(slice);
}

/** Undefined where pods do not reach each other anyhow, or the connection broke. */
async function measure(
  { from, to, way }: PairObservation,
  members: readonly Member[],
  milliseconds: number,
): Promise<number | undefined> {
  const [sender, receiver] = [from, to].map((node) => members.find((member) => member.node === node)?.remote);
  if (sender === undefined || receiver === undefined || to === undefined || way?.podToPod?.small == null)
    return undefined;
  try {
    return await sender.send(to.podAddress, await receiver.listen(), milliseconds);
  } catch {
    return undefined;
  }
}
