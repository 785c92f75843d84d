import type { ObservedTable } from "./nft-table.ts";

/** Who reads and writes a chain: nft, or the xtables front end of that family (iptables-nft(8)). */
export type ChainManager = "nft" | "iptables" | "ip6tables";

/** A base chain of another program that filters what is forwarded or received. */
export interface ForeignChain {
  readonly family: "ip" | "ip6" | "inet";
  readonly table: string;
  readonly chain: string;
  readonly hook: "forward" | "input";
  readonly policy: "accept" | "drop";
  readonly manager: ChainManager;
  /** In the chain's order. */
  readonly rules: readonly ForeignRule[];
}

export interface ForeignRule {
  /** Empty when it has none. */
  readonly comment: string;
  /** Drops or rejects every packet that comes to it. */
  readonly dropsAll: boolean;
  /** How the rule is deleted: nft's handle, or the rule as `iptables -S` prints it ("-A FORWARD …"). */
  readonly reference: number | string;
}

/** The firewall of one namespace, as far as the guard looks at it. */
export interface FirewallObservation {
  /** Our own table; absent when there is none. */
  readonly own?: ObservedTable;
  readonly foreign: readonly ForeignChain[];
  /** The table of NetworkPolicies is there. */
  readonly policies?: true;
}

/** One thing to have done; each is atomic by itself. */
export type FirewallChange =
  /** A document for `nft -j`. */
  | { readonly tool: "nft"; readonly document: unknown }
  /** Lines for the filter table of `iptables-restore --noflush`. */
  | { readonly tool: "iptables" | "ip6tables"; readonly lines: readonly string[] };
