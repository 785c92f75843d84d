import type { NamespaceName } from "../domain/kernel-state.ts";

/** Our nftables tables, loaded whole by `nft -j -f -`, and accepts in foreign FORWARD chains that would drop pods. */
export interface Firewall {
  /** `nft -j list ruleset` of the namespace, parsed JSON. */
  observe(namespace: NamespaceName): Promise<unknown>;
  /** Loads a JSON command document atomically. Throws FirewallError with nft's words. */
  load(namespace: NamespaceName, document: unknown): Promise<void>;
}
