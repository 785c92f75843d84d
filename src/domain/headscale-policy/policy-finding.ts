import type { Place } from "./policy-text-error.ts";

/** One thing in which a policy is not what a cluster needs. */
export interface PolicyFinding {
  /** `wide`: it allows more than the cluster needs. */
  readonly kind: "missing" | "wide";
  /** Of the policy; `rules` are `acls` and `grants`. */
  readonly part: "tagOwners" | "autoApprovers" | "rules" | "nodeAttrs" | "tests";
  /** Where it stands; undefined for what is not there. */
  readonly at: Place | undefined;
  readonly found: string;
  /** What breaks, or who may do what. */
  readonly why: string;
  /** What would be right. */
  readonly todo: string;
}
