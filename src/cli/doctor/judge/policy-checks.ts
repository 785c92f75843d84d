import type { Member } from "../../../domain/headscale-policy/aliases.ts";
import { cachedMaps } from "../../../domain/headscale-policy/least-policy.ts";
import type { HeadscalePolicy } from "../../../domain/headscale-policy/policy.ts";
import { PolicyTextError } from "../../../domain/headscale-policy/policy-text-error.ts";
import { readPolicy } from "../../../domain/headscale-policy/read-policy.ts";
import { approves, silentProtocols } from "../../../domain/headscale-policy/what-it-allows.ts";
import type { DoctorFacts, DoctorSettings } from "./facts.ts";
import { type Checks, fail, listed, ok, skipped, warn } from "./finding.ts";
import { onceReached } from "./headscale-checks.ts";

/** Who approves instead of the policy. */
const approver = { policy: undefined, controller: "headcni-controller", api: "the API key" } as const;

/** Headscale's policy: who approves routes, and whether pods may talk. */
export const policyChecks: Checks = {
  "headscale.approvers": onceReached((facts, settings) => {
    const policy = policyOf(facts);
    const other = approver[settings.approval];
    if (policy === "absent" && other !== undefined) return ok(`no policy; ${other} approves routes`);
    if (policy === "absent")
      return fail({
        found: "Headscale has no policy",
        why: "With approval: policy nothing approves this node's routes, so no other node can reach its pods.",
        todo: "headscale policy set -f FILE, with what headcnictl policy prints.",
      });
    if (typeof policy === "string") return undefined;
    const names = namesOf(facts, settings);
    const undeclared = names.filter(
      (name) => name.startsWith("tag:") && policy.tagOwners.every(({ text }) => text !== name),
    );
    if (undeclared.length > 0)
      return fail({
        found: `the policy's tagOwners lacks ${listed(undeclared)}`,
        why: "Headscale gives no node a tag without an owner.",
        todo: `Add "${undeclared[0]}": [] to tagOwners.`,
      });
    if (other !== undefined) return ok(`${other} approves routes`);
    const wanted = settings.ownPrefixes.length > 0 ? settings.ownPrefixes : settings.supernets;
    const missing = wanted.filter((prefix) => !approves(policy, { names }, prefix));
    if (missing.length > 0)
      return fail({
        found: `the policy's autoApprovers do not approve ${listed(missing)} for ${names.join(", ")}`,
        why: "The routes of this node would wait forever for approval, and its pods stay unreachable from others.",
        todo: "Put into the policy what headcnictl policy prints as autoApprovers.",
      });
    return ok(`autoApprovers approve ${wanted.join(" and ")} for ${names.join(", ")}`);
  }),

  /** Whether some rule lets the pods' addresses talk to each other. */
  "headscale.policy": onceReached((facts, { supernets, tags }) => {
    const policy = policyOf(facts);
    // Without one everybody may talk, and nobody approves.
    if (policy === "absent") return undefined;
    if (policy === "hidden")
      return skipped(
        "the policy can be read with an API key only",
        `--api-key-file FILE; or see that autoApprovers names ${supernets.join(" and ")} for ${tags.join(", ")}.`,
      );
    if (policy === "unreadable") return skipped("its policy is no JSON, or no policy, that we can read");
    if (policy.rules === undefined) return ok("no acls: everybody may talk to everybody");
    const blocked = supernets.filter((pods) => silentProtocols(policy, pods).length > 0);
    if (blocked.length === 0) return ok(`a rule lets ${supernets.join(" and ")} talk to itself`);
    return fail({
      found: `no rule of the policy lets all of ${blocked.join(" and ")} talk to itself on all ports`,
      why: "Packets keep their pods' addresses in the tailnet; tags and autogroups mean nodes' addresses, not pods'.",
      todo: `Add {"src":["${blocked[0]}"],"dst":["${blocked[0]}"],"ip":["*"]} to grants; headcnictl policy check looks closer.`,
    });
  }),

  "headscale.cachedMaps": onceReached((facts) => {
    const policy = policyOf(facts);
    if (policy === "hidden" || policy === "unreadable") return undefined;
    const entries = policy === "absent" ? [] : policy.nodeAttrs;
    if (entries.some(({ attributes }) => attributes.some(({ text }) => text === cachedMaps)))
      return ok("nodes keep the network map on disk");
    return warn({
      found: "the policy does not give nodes the attribute cache-network-maps",
      why: "A node that reboots while Headscale is down has no pod network until Headscale is back.",
      todo: 'Add {"target":["*"],"attr":["cache-network-maps"]} to the policy\'s nodeAttrs.',
    });
  }),
};

/** `hidden`: only an API key shows it. */
function policyOf({
  headscale: { admin },
}: DoctorFacts): HeadscalePolicy | "absent" | "hidden" | "unreadable" {
  const stored = "unknown" in admin ? admin : admin.value.policy;
  if ("unknown" in stored) return "hidden";
  if (stored.value === "") return "absent";
  try {
    return readPolicy(stored.value);
  } catch (error) {
    if (error instanceof PolicyTextError) return "unreadable";
    throw error;
  }
}

/** Whom the policy knows this node as: the tags that it asks for, or, in its owner's tailscaled, those it has, or its user. */
function namesOf({ owner }: DoctorFacts, { tags }: DoctorSettings): Member["names"] {
  const { tags: given, user } =
    owner !== undefined && "value" in owner ? owner.value.identity : { tags: [], user: "" };
  if (given.length > 0) return given;
  // Headscale's policy writes a user without a domain as "alice@".
  return user === "" ? tags : [user.includes("@") ? user : `${user}@`];
}
