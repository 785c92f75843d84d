import { addressInside } from "../../support/kernel/address-bits.ts";
import type {
  ApiCluster,
  ApiPeer,
  ApiPod,
  ApiPolicy,
  ApiPort,
  ApiRule,
  ApiSelector,
  Opener,
} from "./api-objects.ts";

/**
 * Whether the node lets the packet through, by the words of the NetworkPolicy API (k8s.io/api/networking/v1, and the page "Network
 * Policies" of the Kubernetes documentation), object by object; nothing of the product is used.
 */
export function isAllowed(cluster: ApiCluster, packet: Opener): boolean {
  // "A Pod cannot block access to itself."
  if (packet.source === packet.destination) return true;
  return permits(cluster, packet, "Egress") && permits(cluster, packet, "Ingress");
}

type Type = "Ingress" | "Egress";

/** The half of the node where the pod is; other nodes judge the other one. */
function permits(cluster: ApiCluster, packet: Opener, type: Type): boolean {
  const subject = type === "Ingress" ? packet.destination : packet.source;
  const attached = cluster.attached.find(({ addresses }) => addresses.includes(subject));
  if (attached === undefined) return true;
  const pod = cluster.pods.find(({ metadata }) => metadata.uid === attached.podUid);
  // Nobody knows whom a policy of its namespace would select.
  if (pod === undefined)
    return !cluster.policies.some(
      ({ metadata }) => attached.namespace === "" || metadata.namespace === attached.namespace,
    );
  const isolating = cluster.policies.filter(
    (policy) =>
      policy.metadata.namespace === pod.metadata.namespace &&
      isSelected(policy.spec.podSelector, pod.metadata.labels) &&
      typesOf(policy).includes(type),
  );
  if (isolating.length === 0) return true;
  return isolating.some((policy) =>
    ((type === "Ingress" ? policy.spec.ingress : policy.spec.egress) ?? []).some((rule) =>
      ruleMatches(
        cluster,
        policy,
        rule,
        type,
        packet,
        type === "Ingress" ? pod : podAt(cluster, packet.destination),
      ),
    ),
  );
}

/** "If no policyTypes are specified on a NetworkPolicy then by default Ingress will always be set and Egress will be set if the NetworkPolicy has any egress rules." */
function typesOf({ spec }: ApiPolicy): readonly Type[] {
  if (spec.policyTypes !== undefined && spec.policyTypes.length > 0) return spec.policyTypes;
  return (spec.egress ?? []).length > 0 ? ["Ingress", "Egress"] : ["Ingress"];
}

function ruleMatches(
  cluster: ApiCluster,
  policy: ApiPolicy,
  rule: ApiRule,
  type: Type,
  packet: Opener,
  receiver: ApiPod | undefined,
): boolean {
  const peers = (type === "Ingress" ? rule.from : rule.to) ?? [];
  const other = type === "Ingress" ? packet.source : packet.destination;
  const ports = rule.ports ?? [];
  return (
    (peers.length === 0 || peers.some((peer) => peerMatches(cluster, policy, peer, other))) &&
    (ports.length === 0 || ports.some((port) => portMatches(port, packet, receiver)))
  );
}

function peerMatches(cluster: ApiCluster, policy: ApiPolicy, peer: ApiPeer, address: string): boolean {
  if (peer.ipBlock !== undefined) {
    const { cidr, except = [] } = peer.ipBlock;
    return addressInside(address, cidr) && !except.some((hole) => addressInside(address, hole));
  }
  const pod = podAt(cluster, address);
  if (pod === undefined) return false;
  if (peer.namespaceSelector === undefined) {
    if (pod.metadata.namespace !== policy.metadata.namespace) return false;
  } else {
    const namespace = cluster.namespaces.find(({ metadata }) => metadata.name === pod.metadata.namespace);
    if (namespace === undefined || !isSelected(peer.namespaceSelector, namespace.metadata.labels))
      return false;
  }
  return peer.podSelector === undefined || isSelected(peer.podSelector, pod.metadata.labels);
}

function portMatches(
  { protocol = "TCP", port, endPort }: ApiPort,
  packet: Opener,
  receiver: ApiPod | undefined,
): boolean {
  if (packet.protocol !== protocol.toLowerCase()) return false;
  if (port === undefined) return true;
  if (typeof port === "number") return packet.port >= port && packet.port <= (endPort ?? port);
  if (receiver === undefined) return false;
  const { containers, initContainers = [] } = receiver.spec;
  const sidecars = initContainers.filter(({ restartPolicy }) => restartPolicy === "Always");
  return [...containers, ...sidecars].some(({ ports = [] }) =>
    ports.some(
      (one) => one.name === port && (one.protocol ?? "TCP") === protocol && one.containerPort === packet.port,
    ),
  );
}

/** Whose address it is: on this node the kernel knows, of others the API server has the word, each node for its own pod CIDRs. */
function podAt(cluster: ApiCluster, address: string): ApiPod | undefined {
  const lives = ({ spec, status }: ApiPod) =>
    spec.hostNetwork !== true && status.phase !== "Succeeded" && status.phase !== "Failed";
  const attached = cluster.attached.find(({ addresses }) => addresses.includes(address));
  if (attached !== undefined)
    return cluster.pods.find((pod) => pod.metadata.uid === attached.podUid && lives(pod));
  const claims = cluster.pods.filter((pod) => {
    const node = cluster.nodes.find(({ name }) => name === pod.spec.nodeName);
    const isRouter = cluster.nodes.some(({ podCidrs }) =>
      podCidrs.some(
        (prefix) => address === prefix.replace(/(\d+|:)\/\d+$/, (_, last) => (last === ":" ? ":1" : "1")),
      ),
    );
    return (
      lives(pod) &&
      (pod.status.podIPs ?? []).some(({ ip }) => ip === address) &&
      !isRouter &&
      node?.podCidrs.some((prefix) => addressInside(address, prefix)) === true
    );
  });
  const rank = ({ metadata }: ApiPod) => `${metadata.creationTimestamp} ${metadata.uid}`;
  return claims.sort((a, b) => (rank(a) < rank(b) ? 1 : -1))[0];
}

function isSelected(
  { matchLabels = {}, matchExpressions = [] }: ApiSelector,
  labels: Readonly<Record<string, string>> = {},
): boolean {
  const found = new Map(Object.entries(labels));
  return (
    Object.entries(matchLabels).every(([key, value]) => found.get(key) === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      if (operator === "Exists") return found.has(key);
      if (operator === "DoesNotExist") return !found.has(key);
      const isIn = found.has(key) && values.includes(found.get(key) ?? "");
      return operator === "In" ? isIn : !isIn;
    })
  );
}
