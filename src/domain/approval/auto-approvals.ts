import { overlaps, parsePrefix } from "../addresses/prefix.ts";
import { readAddresses } from "../headscale-policy/aliases.ts";
import type { HeadscalePolicy } from "../headscale-policy/policy.ts";

/**
 * The autoApprovers that touch pods' addresses, as the policy spells them. Headscale applies them at every announcement, so that what
 * is revoked would come back (hscontrol/state/state.go, autoApproveRoutes).
 */
export function podAutoApprovals(policy: HeadscalePolicy, supernets: readonly string[]): readonly string[] {
  const pods = supernets.map(parsePrefix);
  return policy.routes
    .filter(({ text, by }) => {
      const prefix = readAddresses(text);
      return by.length > 0 && prefix !== undefined && pods.some((supernet) => overlaps(prefix, supernet));
    })
    .map(({ text }) => text);
}
