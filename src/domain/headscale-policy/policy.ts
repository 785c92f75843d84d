import type { Place } from "./policy-text-error.ts";

/**
 * A policy of Headscale as far as it decides about pods and nodes (hscontrol/policy/v2/types.go, 0.29). Names of others, `ssh` and the
 * rest are its operator's.
 */
export interface HeadscalePolicy {
  /** Users by group. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
  /** Address or prefix by name. */
  readonly hosts: ReadonlyMap<string, string>;
  readonly tagOwners: readonly Owned[];
  /** `autoApprovers.routes`: who announces what unasked. */
  readonly routes: readonly Owned[];
  /** `autoApprovers.exitNode`. */
  readonly exitNode: readonly PlacedText[];
  /** Those of `acls` and of `grants`; undefined where it has neither: then everybody reaches everybody. */
  readonly rules: readonly PolicyRule[] | undefined;
  readonly nodeAttrs: readonly AttributeRule[];
  readonly tests: readonly PolicyAssertion[];
}

/** A text of the policy, and where it stands. */
export interface PlacedText {
  readonly text: string;
  readonly at: Place;
}

/** A tag with its owners, or a prefix with its approvers. */
export interface Owned extends PlacedText {
  readonly by: readonly PlacedText[];
}

/** A rule that lets each source reach each destination. */
export interface PolicyRule {
  readonly at: Place;
  readonly sources: readonly PlacedText[];
  readonly targets: readonly RuleTarget[];
  /** Only through routers with these tags (`via`). */
  readonly isPartial: boolean;
}

export interface RuleTarget extends PlacedText {
  readonly ports: readonly PortRange[];
}

/** Ports of one protocol. */
export interface PortRange {
  /** As Headscale names it, or its number; "*" for those that it means without one: TCP, UDP and ICMP of both families. */
  readonly protocol: string;
  readonly first: number;
  readonly last: number;
}

/** What Headscale tries before it takes the policy (hscontrol/policy/v2/test.go). */
export interface PolicyAssertion {
  readonly src: string;
  /** "" for all that is meant without one. */
  readonly proto: string;
  /** Destinations with ports. */
  readonly accept: readonly string[];
  readonly deny: readonly string[];
}

export interface AttributeRule {
  readonly targets: readonly PlacedText[];
  readonly attributes: readonly PlacedText[];
}
