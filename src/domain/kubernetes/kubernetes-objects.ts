import type { PodReference } from "../../protocol/cni-protocol.ts";
import type { NodeAddressing } from "./node-address.ts";

/** Kubernetes objects as we keep them: trimmed where they are read, plain, comparable. */

/** Where a Node says which node of the tailnet it is: an annotation that its own daemon sets. */
export const tailnetNodeAnnotation = "headcni.github.io/tailnet-node-id";

/** A static pod's mirror carries here the UID under which the kubelet runs the pod (pkg/kubelet/types, ConfigMirrorAnnotationKey). */
export const mirrorOf = "kubernetes.io/config.mirror";

/** Where a Node says at which host and port its daemon serves metrics to pods. */
export const metricsAnnotation = "headcni.github.io/metrics";

/** What a Node's own daemon says in its annotations. */
export interface NodeIdentity {
  /** Stable ID of the tailnet node. */
  readonly nodeId: string;
  /** Host and port; empty: nowhere. */
  readonly metricsAt: string;
}

/** A Node of the cluster, as far as others need to know it (Node v1: spec.podCIDRs, status.addresses). */
export interface ClusterNode {
  readonly name: string;
  /** Another one after the Node was deleted and registered again. */
  readonly uid: string;
  /** metadata.creationTimestamp (RFC 3339, UTC): texts in the order of time. */
  readonly createdAt: string;
  /** Stable ID of the tailnet node that the Node published; empty when it has not. */
  readonly tailnetNodeId: string;
  /** Canonical, at most one per family; what the API server says otherwise is left out. */
  readonly podCidrs: readonly string[];
  /** InternalIP addresses. */
  readonly addresses: readonly string[];
}

/** This node's own Node. */
export interface OwnNode extends ClusterNode {
  /** Where its daemon serves metrics to pods, as host and port; empty when it does not say. */
  readonly metricsAt: string;
  /** Its NetworkUnavailable condition; null when it has none. */
  readonly network: NetworkCondition | null;
  readonly addressing: NodeAddressing;
}

/** Condition NetworkUnavailable of a Node: while "True" the control plane keeps new pods away (a NoSchedule taint). */
export interface NetworkCondition {
  readonly status: "True" | "False" | "Unknown";
  /** One CamelCase word. */
  readonly reason: string;
  readonly message: string;
}

/** Addresses that Services get besides those of kube-apiserver's own flags (networking.k8s.io/v1 ServiceCIDR, spec.cidrs). */
export interface ServiceCidr {
  readonly name: string;
  /** Canonical, at most one per family; what the API server says otherwise is left out. */
  readonly prefixes: readonly string[];
}

/** A pod that runs on this node. */
export interface NodePod extends PodReference {
  /** UID under which the kubelet runs it: a static pod's own where this is its mirror, else the same as `uid`. */
  readonly runtimeUid: string;
}

/** A failure on a pod's network, told to people as an Event on the Pod (events.k8s.io/v1). */
export interface PodReport {
  readonly pod: PodReference;
  /** One CamelCase word, such as "NetworkNotAttached". */
  readonly reason: string;
  readonly note: string;
  /** What was being done: "Attaching". */
  readonly action: string;
}

/** Names a report that was posted, to count its repetitions. */
export interface PostedReport {
  readonly namespace: string;
  readonly eventName: string;
}
