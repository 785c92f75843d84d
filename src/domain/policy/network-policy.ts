import type { LabelSelector, Labels } from "./label-selector.ts";

/** A NetworkPolicy (networking.k8s.io/v1) as it is kept: the API's defaults filled in, all texts canonical. */
export interface NetworkPolicy {
  readonly namespace: string;
  readonly name: string;
  /** The pods of its namespace that it isolates. */
  readonly pods: LabelSelector;
  /** What it allows them to be sent; absent: it does not isolate them in this direction. */
  readonly ingress?: readonly PolicyRule[];
  /** What it allows them to send. */
  readonly egress?: readonly PolicyRule[];
}

export type Direction = "ingress" | "egress";

/** Allows what both its peers and its ports match. */
export interface PolicyRule {
  readonly peers: "any" | readonly PolicyPeer[];
  /** "any": every protocol, too. */
  readonly ports: "any" | readonly PolicyPort[];
}

export type PolicyPeer = PodPeer | BlockPeer;

export interface PodPeer {
  readonly kind: "pods";
  /** "own": the policy's own namespace alone. */
  readonly namespaces: "own" | LabelSelector;
  readonly pods: LabelSelector;
}

/** Prefixes of one family. */
export interface BlockPeer {
  readonly kind: "block";
  readonly prefix: string;
  readonly except: readonly string[];
}

export type Protocol = "TCP" | "UDP" | "SCTP";
export type PolicyPort = PortRange | NamedPort;

/** Ports of one protocol, first and last. */
export interface PortRange {
  readonly protocol: Protocol;
  readonly first: number;
  readonly last: number;
}

/** A port by the name that the pod which is sent to gives it. */
export interface NamedPort {
  readonly protocol: Protocol;
  readonly name: string;
}

/** "namespace/name", of a policy or a pod. */
export function nameOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}

export interface PolicyNamespace {
  readonly name: string;
  readonly labels: Labels;
}

/** A pod of the cluster, as far as policies look at it. */
export interface PolicyPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** See NodePod. */
  readonly runtimeUid: string;
  /** metadata.creationTimestamp (RFC 3339, UTC): texts in the order of time. */
  readonly createdAt: string;
  /** spec.nodeName; empty before it is scheduled. */
  readonly node: string;
  readonly labels: Labels;
  /** status.podIPs, canonical. */
  readonly addresses: readonly string[];
  readonly ports: readonly ContainerPort[];
  /** It has its node's addresses, and no policy selects it. */
  readonly hostNetwork: boolean;
  /** In phase Succeeded or Failed: its address may be another pod's by now. */
  readonly ended: boolean;
}

export interface ContainerPort {
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
}

/** A pod of this node, by what its attachment says. */
export interface AttachedPod {
  /** The runtime's word for it, PolicyPod.runtimeUid. */
  readonly podUid: string;
  /** Empty when nobody said: an attachment that was found after a restart, while its pod is not known. */
  readonly namespace: string;
  /** Canonical. */
  readonly addresses: readonly string[];
}

/** What policies of one node follow from. */
export interface PolicyWorld {
  readonly policies: readonly NetworkPolicy[];
  readonly namespaces: readonly PolicyNamespace[];
  /** All of the cluster. */
  readonly pods: readonly PolicyPod[];
  /** Nodes with their pod CIDRs. */
  readonly nodes: readonly PolicyNode[];
  /** This node's pods. */
  readonly attached: readonly AttachedPod[];
}

export interface PolicyNode {
  readonly name: string;
  readonly podCidrs: readonly string[];
  /** Its own addresses, outside the tailnet. */
  readonly addresses: readonly string[];
}
