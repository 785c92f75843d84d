import type { NetworkPolicy, PolicyNamespace, PolicyPod } from "../policy/network-policy.ts";
import type { Reading } from "../policy/policy-book.ts";
import type { ClusterNode, NodePod, OwnNode, ServiceCidr } from "./kubernetes-objects.ts";

/** What is watched, and what its objects are trimmed to. */
export interface Watched {
  /** The Node of this name, by field selector. */
  readonly ownNode: OwnNode;
  readonly nodes: ClusterNode;
  /** Pods bound to this node, by field selector. */
  readonly pods: NodePod;
  readonly serviceCidrs: ServiceCidr;
  /** What cannot be read comes as a problem, with its name: what it said before may stand. */
  readonly networkPolicies: Reading<NetworkPolicy>;
  readonly namespaces: Reading<PolicyNamespace>;
  /** Pods of all nodes, by what policies look at. */
  readonly clusterPods: Reading<PolicyPod>;
}
export type WatchSource = keyof Watched;

/** Kinds that not every API server has: ServiceCIDR is there by default since Kubernetes 1.33. */
export const optionalSources: readonly WatchSource[] = ["serviceCidrs"];

/** One thing that happened to an object. "put": added or changed, which a client cannot always tell apart. */
export type ObjectChange<Item> =
  | { readonly kind: "put"; readonly item: Item }
  | { readonly kind: "removed"; readonly item: Item };

/**
 * What a watch tells, in order. `cursor` is the resourceVersion from which another watch continues without missing or
 * repeating anything (Kubernetes API concepts, "Efficient detection of changes").
 */
export type WatchNews = { [Source in WatchSource]: SourceNews<Source, Watched[Source]> }[WatchSource];

type SourceNews<Source, Item> =
  /** The API server took the watch. */
  | { readonly type: "watch.opened"; readonly source: Source }
  /** All objects there are: replaces what was known. */
  | {
      readonly type: "watch.listed";
      readonly source: Source;
      readonly items: readonly Item[];
      readonly cursor: string;
    }
  /** What came in one piece of the stream; without changes only the cursor moved. */
  | {
      readonly type: "watch.changed";
      readonly source: Source;
      readonly changes: readonly ObjectChange<Item>[];
      readonly cursor: string;
    };
