import type {
  BlockPeer,
  Direction,
  NamedPort,
  NetworkPolicy,
  PolicyPod,
  PolicyRule,
  PortRange,
} from "./network-policy.ts";
import { type PodTerm, termOf } from "./pod-term.ts";

/** One rule of one policy, for one pod that it selects: everybody of `peers` by any of the ports. */
export interface Grant {
  readonly peers: "any" | GrantedPeers;
  readonly ports: "any" | readonly PortRange[];
  /** Ports that the peers themselves name; of egress alone. */
  readonly named: readonly NamedPort[];
}

export interface GrantedPeers {
  readonly terms: readonly PodTerm[];
  readonly blocks: readonly BlockPeer[];
}

/** What the policies allow the pod together. Names of ports in ingress are its own, and one that it has not matches nothing. */
export function grantsOf(
  policies: readonly NetworkPolicy[],
  direction: Direction,
  pod: PolicyPod,
): readonly Grant[] {
  return policies.flatMap((policy) =>
    (policy[direction] ?? []).map((rule) => ({
      peers: peersOf(rule, policy.namespace),
      ...portsOf(rule, direction, pod),
    })),
  );
}

function peersOf({ peers }: PolicyRule, namespace: string): "any" | GrantedPeers {
  if (peers === "any") return "any";
  return {
    terms: peers.flatMap((peer) => (peer.kind === "pods" ? [termOf(peer, namespace)] : [])),
    blocks: peers.filter((peer) => peer.kind === "block"),
  };
}

function portsOf(
  { ports }: PolicyRule,
  direction: Direction,
  pod: PolicyPod,
): Pick<Grant, "ports" | "named"> {
  if (ports === "any") return { ports, named: [] };
  const ranges = ports.filter((port) => "first" in port);
  const named = ports.filter((port) => "name" in port);
  if (direction === "egress") return { ports: ranges, named };
  return { ports: [...ranges, ...named.flatMap((port) => portsNamed(port, pod))], named: [] };
}

/** The ports that a pod gives this name and protocol. */
export function portsNamed({ protocol, name }: NamedPort, pod: PolicyPod): readonly PortRange[] {
  return pod.ports
    .filter((port) => port.name === name && port.protocol === protocol)
    .map(({ port }) => ({ protocol, first: port, last: port }));
}
