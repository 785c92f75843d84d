import type { Failure } from "../../src/domain/failure.ts";
import type { NetworkCondition, OwnNode } from "../../src/domain/kubernetes/kubernetes-objects.ts";
import type { AttachmentsChanged } from "../../src/domain/kubernetes/pod-watch-join.ts";
import type { PodsCommand } from "../pods/pods-events.ts";
import type { Recipient } from "../support/recipient.ts";
import type { WatchReport } from "../watch/watch-events.ts";

export interface OwnNodeInput {
  /** Spreads the waits of nodes: the node's name. */
  readonly seed: string;
  /** `network.nodePodCIDR` of the configuration; empty: the Node says. */
  readonly configured: readonly string[];
  readonly supernets: readonly string[];
  /** `kubernetes.publishNodeAddress`. */
  readonly publishesAddress: boolean;
  /** Where pods read metrics; null: nowhere. */
  readonly metricsPort: number | null;
  readonly health: Recipient<OwnNodeFact>;
  readonly pods: Recipient<PodsCommand>;
  readonly parent: Recipient<OwnNodeReport>;
}

/** What the machine is told. */
export type OwnNodeEvent =
  | WatchReport<"ownNode">
  /** From the registry of pods: how many attachments use the pod CIDRs; until told, somebody might. */
  | AttachmentsChanged
  | NodeJoined
  /** From `health`: what the Node's condition should say. */
  | { readonly type: "node.networkWanted"; readonly condition: NetworkCondition };

/** From the session with tailscaled: Headscale says that this node is that one of the tailnet (stable ID). */
export interface NodeJoined {
  readonly type: "node.joined";
  readonly nodeId: string;
}

/** What `health` hears. */
export type OwnNodeFact =
  /** There are no pod CIDRs yet, and why. */
  | { readonly type: "node.waiting"; readonly reason: string }
  /** The Node says what is in force, or cannot be asked; then `note` says so. */
  | { readonly type: "node.agreed"; readonly note: string }
  /** The Node has other pod CIDRs than the pods that run here. */
  | { readonly type: "node.conflicting"; readonly reason: string };

/** What the root hears. */
export type OwnNodeReport =
  /** This node's pod CIDRs, IPv4 first; once, they stay for the life of the daemon. */
  | { readonly type: "node.podCIDRs"; readonly prefixes: readonly string[] }
  /** The Node has other pod CIDRs and no pod uses the old ones: the daemon has to begin anew, with these. */
  | { readonly type: "node.moved"; readonly prefixes: readonly string[] };

export interface OwnNodeContext extends OwnNodeInput {
  /** Empty until known. */
  readonly inForce: readonly string[];
  readonly remembered: readonly string[];
  /** The Node as the API server last showed it: "unheard" before it was, "absent" when there is none. */
  readonly own: OwnNode | "unheard" | "absent";
  readonly attachments: number | "unknown";
  readonly wanted: NetworkCondition | null;
  /** Empty until the session tells. */
  readonly tailnetNodeId: string;
  readonly failure: Failure | null;
}
