import { missing } from "./missing.ts";
import type { HeadscalePolicy } from "./policy.ts";
import type { PolicyFinding } from "./policy-finding.ts";
import type { PolicyNeeds } from "./policy-needs.ts";
import { readPolicy } from "./read-policy.ts";
import { tooWide } from "./too-wide.ts";

/**
 * In what a policy is not what the cluster needs; an empty list says that it is. An empty text is a Headscale without a policy.
 * Throws PolicyTextError.
 */
export function comparePolicy(text: string, needs: PolicyNeeds): readonly PolicyFinding[] {
  const policy = text === "" ? noPolicy : readPolicy(text);
  return [...missing(policy, needs), ...tooWide(policy, needs)];
}

/** Everybody reaches everybody, and nobody approves. */
const noPolicy: HeadscalePolicy = {
  groups: new Map(),
  hosts: new Map(),
  tagOwners: [],
  routes: [],
  exitNode: [],
  rules: undefined,
  nodeAttrs: [],
  tests: [],
};
