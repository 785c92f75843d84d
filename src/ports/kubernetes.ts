import type {
  NetworkCondition,
  NodeIdentity,
  PodReport,
  PostedReport,
} from "../domain/kubernetes/kubernetes-objects.ts";
import type { WatchNews, WatchSource } from "../domain/kubernetes/kubernetes-watch.ts";
import type { NodeAddressing, WrittenAddresses } from "../domain/kubernetes/node-address.ts";

/** What goes wrong with the Kubernetes API. */
export type KubernetesFailure =
  /** No connection, or it broke; `reason` is the system's or undici's code. */
  | { readonly code: "UNREACHABLE"; readonly reason: string }
  /** 429 or 5xx: later. `retryAfterMs` when the server named a time. */
  | { readonly code: "UNAVAILABLE"; readonly status: number; readonly retryAfterMs?: number }
  | { readonly code: "UNAUTHORIZED" }
  | { readonly code: "FORBIDDEN"; readonly text: string }
  | { readonly code: "NOT_FOUND"; readonly text: string }
  /** 410: what lies before the cursor is forgotten; only a new list helps. */
  | { readonly code: "EXPIRED"; readonly text: string }
  /** Any other refusal. */
  | { readonly code: "REJECTED"; readonly status: number; readonly reason: string; readonly text: string }
  /** What was answered is not what the API promises. */
  | { readonly code: "UNREADABLE"; readonly text: string }
  /** The kubeconfig or the service account's files: missing, malformed, or with a way to log in that we do not have. */
  | { readonly code: "ACCESS_INVALID"; readonly path: string; readonly text: string };

/** The Kubernetes API, as far as this node uses it. Methods throw a HeadcniError of KubernetesFailure. */
export interface Kubernetes {
  /**
   * Follows objects from a cursor, or from a complete list when it is empty. Resolves when the server ended the stream
   * in an orderly way (it does every few minutes): go on from the last cursor. EXPIRED: list again.
   */
  follow(
    source: WatchSource,
    cursor: string,
    hear: (news: WatchNews) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** Sets the NetworkUnavailable condition of this node's Node. */
  setNetworkCondition(condition: NetworkCondition, signal: AbortSignal): Promise<void>;
  /** Has this node's Node say which node of the tailnet it is, and where its metrics are. */
  publishIdentity(identity: NodeIdentity, signal: AbortSignal): Promise<void>;
  /** Gives this node's Node other addresses than those `seen`. REJECTED when it has others by now. */
  writeAddresses(seen: NodeAddressing, wanted: WrittenAddresses, signal: AbortSignal): Promise<void>;
  /** Removes the taint `uninitialized` of this node's Node, at its place among the taints. REJECTED when another is there by now. */
  removeUninitialized(place: number, signal: AbortSignal): Promise<void>;
  /** Posts an Event of type Warning on a Pod. */
  postReport(report: PodReport, signal: AbortSignal): Promise<PostedReport>;
  /** Says that the same thing happened `count` times by now. NOT_FOUND once the Event is too old. */
  repeatReport(posted: PostedReport, count: number, signal: AbortSignal): Promise<void>;
}
