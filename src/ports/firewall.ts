import type { NamespaceName } from "../domain/kernel/kernel-state.ts";
import type { ServiceProxy } from "../domain/kubernetes/service-proxy.ts";
import type { FirewallChange, FirewallObservation } from "../domain/nftables/nft-observation.ts";

export type FirewallFailure =
  /** `nft`, `iptables` or `nsenter` is not installed. */
  | { readonly code: "PROGRAM_MISSING"; readonly program: string }
  /** The program refused; `text` is its own words. */
  | { readonly code: "REFUSED"; readonly program: string; readonly text: string }
  | { readonly code: "UNREADABLE"; readonly program: string; readonly text: string }
  | { readonly code: "CANCELLED" };

/**
 * nftables of the node's namespace and of the tailnet namespace. Every method starts programs: on start, on notification, never per pod.
 */
export interface Firewall {
  /** Our own table, and (on the node) other programs' forward and input chains. Throws a HeadcniError of FirewallFailure. */
  observe(namespace: NamespaceName, signal?: AbortSignal): Promise<FirewallObservation>;
  /** One after another, each atomic; stops at the first refusal with a HeadcniError of FirewallFailure. */
  apply(namespace: NamespaceName, changes: readonly FirewallChange[], signal?: AbortSignal): Promise<void>;
  /** What translates Services' addresses on the node. Throws a HeadcniError of FirewallFailure. */
  serviceProxy(signal?: AbortSignal): Promise<ServiceProxy>;
}
