import { parseAddress } from "../../../domain/addresses/prefix.ts";
import type { EchoPair, PairObservation, TestNode } from "./observation.ts";

/** A stretch of the way of a packet from pod to pod. */
export type Hop =
  | "pod to node"
  | "node to tailnet namespace"
  | "tailnet"
  | "tailnet namespace to node"
  | "through the node"
  | "node to pod";

export interface Diagnosis {
  /** `note`: it works, with a remark. */
  readonly result: "ok" | "note" | "fail";
  /** Where the packet stops; empty unless it fails. */
  readonly hop: Hop | "";
  /** Whose side: a node's name, or both. */
  readonly where: string;
  readonly reason: string;
  readonly todo: string;
}

const well: Diagnosis = { result: "ok", hop: "", where: "", reason: "", todo: "" };

/** The first stretch on the way from pod to pod that does not carry, and the likely reason. Pure. */
export function diagnose(pair: PairObservation): Diagnosis {
  return (
    ownSide(pair.from) ??
    inTheTailnet(pair) ??
    behindTheTailnet(pair) ??
    fullPackets(pair) ??
    otherSide(pair) ??
    remark(pair) ??
    well
  );
}

function broken(hop: Hop, where: string, reason: string, todo: string): Diagnosis {
  return { result: "fail", hop, where, reason, todo };
}

function ownSide({
  name,
  podAddress,
  podFault,
  podToNode,
  nodeToTailnet,
  tailnetFault,
}: TestNode): Diagnosis | undefined {
  if (tailnetFault !== "")
    return broken(
      "tailnet",
      name,
      `tailscaled of ${name} is not up: ${tailnetFault}`,
      `See headcnictl status on ${name}; headcni-wire, or in host mode the init system, restarts tailscaled if it died.`,
    );
  if (podAddress !== "" && podToNode === null)
    return broken(
      "pod to node",
      name,
      `a pod on ${name} gets no answer from its own node`,
      `A firewall on ${name} drops what pods send to the node (INPUT), or the guard is repairing: headcnictl doctor.`,
    );
  if (nodeToTailnet === null)
    return broken(
      "node to tailnet namespace",
      name,
      `${name} gets no answer from its tailnet namespace over headcni0`,
      `See headcnictl machines --machine guard on ${name}; something took the link or drops on it.`,
    );
  if (podAddress === "" && podFault !== "")
    return broken(
      "pod to node",
      name,
      `no pod could be attached on ${name}: ${podFault}`,
      `See headcnictl status on ${name} and its log.`,
    );
  return undefined;
}

function inTheTailnet({ from, to, toName, peer, way }: PairObservation): Diagnosis | undefined {
  if (peer === undefined)
    return broken(
      "tailnet",
      toName,
      to?.tailnetFault
        ? `tailscaled of ${toName} is not up: ${to.tailnetFault}`
        : `Headscale routes no IPv${parseAddress(from.routerAddress).family} pod CIDR to ${toName} as ${from.name} sees it`,
      `See headcnictl doctor on ${toName}: its route must be announced, approved and served, and the node online.`,
    );
  if (way === undefined || way.tunnel) return undefined;
  if (answered(way.nodeToNode) || answered(way.podToNode) || answered(way.podToPod)) return undefined;
  if (to !== undefined && to.tailnetFault !== "")
    return broken(
      "tailnet",
      toName,
      `tailscaled of ${toName} is not up: ${to.tailnetFault}`,
      `See headcnictl status on ${toName}.`,
    );
  if (way.path !== "none")
    return broken(
      "tailnet",
      "both",
      `${toName} answers tailscaled's probes (${way.path}), but no WireGuard session opens`,
      "The policy of Headscale may hide one node from the other, or one of them has an old key: headcnictl doctor on both.",
    );
  return broken(
    "tailnet",
    toName,
    `${toName} answers on no path, neither directly nor through a relay${peer.online ? "" : ", and Headscale reports it as offline"}`,
    to === undefined
      ? `Is ${toName} up, does its tailscaled run, and may UDP pass between the nodes?`
      : `Both tailscaleds run, so the network between them is cut: check that ${toName} and ${from.name} reach each other and a relay.`,
  );
}

function behindTheTailnet({ from, to, toName, way }: PairObservation): Diagnosis | undefined {
  if (way === undefined) return undefined;
  const { nodeToNode, podToNode, podToPod } = way;
  if (!answered(nodeToNode) && !answered(podToNode) && !answered(podToPod))
    return broken(
      "tailnet namespace to node",
      toName,
      `packets cross the tailnet to ${toName}, but its router address does not answer`,
      `A firewall on ${toName} drops what comes in by headcni0, or its guard is not holding: headcnictl doctor there.`,
    );
  if (podToNode !== undefined && !answered(podToNode) && !answered(podToPod))
    return broken(
      "through the node",
      from.name,
      `${from.name} itself reaches ${toName}, its pods do not`,
      `A firewall on ${from.name} drops what is forwarded from pods to headcni0 (FORWARD): nft list ruleset shows it.`,
    );
  if (podToPod !== undefined && !answered(podToPod))
    return broken(
      to?.podToNode === null ? "node to pod" : "through the node",
      toName,
      `pods of ${from.name} reach the node ${toName}, but no pod on it`,
      `A firewall on ${toName} drops what is forwarded from headcni0 to pods (FORWARD): nft list ruleset shows it.`,
    );
  return undefined;
}

function fullPackets({ from, to, toName, way }: PairObservation): Diagnosis | undefined {
  if (way === undefined) return undefined;
  const { nodeToNode, podToNode, podToPod } = way;
  const lost = (pair: EchoPair | undefined) =>
    pair !== undefined && pair.small !== null && pair.full === null;
  if (!lost(nodeToNode) && !lost(podToNode) && !lost(podToPod)) return undefined;
  const size = from.mtu;
  const found = `small packets pass between ${[from.name, toName].sort().join(" and ")}, full ones of ${size} bytes do not`;
  const ends = to === undefined ? [from] : [from, to];
  const narrow = ends.find(({ tunnelMtu }) => tunnelMtu !== null && tunnelMtu < size);
  if (narrow !== undefined)
    return broken(
      "tailnet",
      narrow.name,
      `${found}: tailscaled's interface on ${narrow.name} carries ${narrow.tunnelMtu}`,
      `Restart headcni-wire on ${narrow.name}: it runs with an earlier network.mtu. It cuts the node off for some seconds.`,
    );
  if (to !== undefined && to.mtu < size)
    return broken(
      "node to pod",
      toName,
      `${found}: network.mtu is ${size} on ${from.name} and ${to.mtu} on ${toName}`,
      "Give network.mtu the same value on all nodes.",
    );
  return broken(
    lost(nodeToNode) ? "tailnet" : "through the node",
    "both",
    found,
    lost(nodeToNode)
      ? `The network between the nodes carries less than ${size + 80} bytes and drops fragments: raise its MTU, or lower network.mtu on all nodes.`
      : `Something on one of the nodes cuts at less than ${size} bytes: compare the MTU of headcni0, tailscale0 and the pods' links.`,
  );
}

/** It answered all the same, so this is the other node's problem with pods of its own. */
function otherSide({ to, toName }: PairObservation): Diagnosis | undefined {
  if (to === undefined || to.podAddress !== "" || to.podFault === "") return undefined;
  return broken(
    "node to pod",
    toName,
    `no pod could be attached on ${toName}: ${to.podFault}`,
    `See headcnictl status on ${toName} and its log.`,
  );
}

function remark({ from, toName, way, peer }: PairObservation): Diagnosis | undefined {
  const note = (reason: string, todo: string): Diagnosis => ({
    result: "note",
    hop: "",
    where: "both",
    reason,
    todo,
  });
  if (way?.podToPod !== undefined && !answered(way.nodeToNode))
    return note(
      `pods reach each other, but ${toName}'s router address does not answer ${from.name}`,
      `A firewall on ${toName} drops what comes in by headcni0 for the node itself (INPUT); nodes reach no Service there.`,
    );
  if (way?.path === "relay")
    return note(
      `${[from.name, toName].sort().join(" and ")} talk through a relay, not directly`,
      "Let UDP through to tailscale.port of at least one of them, or set tailscale.staticEndpoints.",
    );
  if (peer?.online === false)
    return note(
      `Headscale reports ${toName} as offline, though it answers`,
      `${toName} lost Headscale: headcnictl doctor there.`,
    );
  if (from.daemonFault !== "")
    return note(`the daemon of ${from.name}: ${from.daemonFault}`, `headcnictl status on ${from.name}.`);
  return undefined;
}

function answered(pair: EchoPair | undefined): boolean {
  return pair !== undefined && (pair.small !== null || pair.full !== null);
}
