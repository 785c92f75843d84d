import type { KernelOperation, KernelSnapshot, NamespaceName } from "../kernel/kernel-state.ts";
import type { FirewallChange, FirewallObservation } from "../nftables/nft-observation.ts";
import type { GuardInvariant } from "./guard-invariants.ts";
import type { Sysctls } from "./guard-sysctls.ts";

/** How much of the namespaces a check looks at: reading the firewall starts programs, reading the rest does not. */
export type GuardScope = "kernel" | "all";

export interface NamespaceObservation {
  readonly kernel: KernelSnapshot;
  readonly sysctls: Sysctls;
  /** Absent when the scope did not ask for it. */
  readonly firewall?: FirewallObservation;
}

export interface GuardObservation {
  readonly node: NamespaceObservation;
  /** Absent until the tailnet namespace is open. */
  readonly tailnet?: NamespaceObservation;
}

/** Work of one kind in one namespace. */
export type Repair =
  | {
      readonly kind: "kernel";
      readonly namespace: NamespaceName;
      readonly operations: readonly KernelOperation[];
    }
  | { readonly kind: "sysctls"; readonly namespace: NamespaceName; readonly values: Sysctls }
  | {
      readonly kind: "firewall";
      readonly namespace: NamespaceName;
      readonly changes: readonly FirewallChange[];
    };

/** An invariant that does not hold, with the work that makes it hold, in order. */
export interface BrokenInvariant {
  readonly invariant: GuardInvariant;
  readonly repairs: readonly Repair[];
}
