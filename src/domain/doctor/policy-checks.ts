import { containsPrefix, PrefixError, parsePrefix } from "../prefix.ts";
import type { DoctorFacts, DoctorSettings } from "./facts.ts";
import { type Finding, fail, listed, ok, skipped, warn } from "./finding.ts";
import { isRecord, parsePolicy, textsOf } from "./policy-text.ts";

type Policy = Readonly<Record<string, unknown>>;

/** Headscale's policy: who approves routes, and whether pods may talk (reference A.5). */
export function policyChecks({ headscale }: DoctorFacts, settings: DoctorSettings): readonly Finding[] {
  const { admin } = headscale;
  if (headscale.unreachable !== undefined) return [];
  const seen = "unknown" in admin ? admin : admin.value.policy;
  if ("unknown" in seen)
    return [
      skipped(
        "headscale.policy",
        "the policy can be read with an API key only",
        `--api-key-file FILE; or see that autoApprovers names ${settings.supernets.join(" and ")} for ${settings.tags.join(", ")}.`,
      ),
    ];
  if (seen.value === "") return [noPolicy(settings), cachedMaps({})];
  const policy = parsePolicy(seen.value);
  if (policy === undefined) return [skipped("headscale.policy", "its policy is no JSON that we can read")];
  return [approvers(policy, settings), talking(policy, settings), cachedMaps(policy)];
}

/** Without a policy everybody may talk, and nobody approves. */
function noPolicy(settings: DoctorSettings): Finding {
  if (settings.approval === "api") return ok("headscale.approvers", "no policy; the API key approves routes");
  return fail("headscale.approvers", {
    found: "Headscale has no policy",
    why: "With approval: policy nobody approves this node's routes, so no other node can reach its pods.",
    todo: `headscale policy set -f FILE, with ${example(settings)}`,
  });
}

function example({ supernets, tags }: DoctorSettings): string {
  const [tag = "tag:k8s-node"] = tags;
  const routes = supernets.map((prefix) => `"${prefix}":["${tag}"]`).join(",");
  return `{"tagOwners":{"${tag}":[]},"autoApprovers":{"routes":{${routes}}}}`;
}

function approvers(policy: Policy, settings: DoctorSettings): Finding {
  const id = "headscale.approvers";
  const owners = isRecord(policy["tagOwners"]) ? policy["tagOwners"] : {};
  const undeclared = settings.tags.filter((tag) => owners[tag] === undefined);
  if (undeclared.length > 0)
    return fail(id, {
      found: `the policy's tagOwners lacks ${listed(undeclared)}`,
      why: "Headscale lets no node have a tag that nobody owns.",
      todo: `Add "${undeclared[0]}": [] to tagOwners.`,
    });
  if (settings.approval === "api") return ok(id, "the API key approves routes");
  const auto = isRecord(policy["autoApprovers"]) ? policy["autoApprovers"]["routes"] : undefined;
  const routes = isRecord(auto) ? auto : {};
  const covered = (wanted: string) =>
    Object.entries(routes).some(
      ([prefix, who]) => holds(prefix, wanted) && textsOf(who).some((name) => settings.tags.includes(name)),
    );
  const wanted = settings.ownPrefixes.length > 0 ? settings.ownPrefixes : settings.supernets;
  const missing = wanted.filter((prefix) => !covered(prefix));
  if (missing.length > 0)
    return fail(id, {
      found: `the policy's autoApprovers do not approve ${listed(missing)} for ${settings.tags.join(", ")}`,
      why: "The routes of this node would wait for approval for ever, and its pods stay unreachable from others.",
      todo: `Put into the policy: ${example(settings)}`,
    });
  return ok(id, `autoApprovers approve ${wanted.join(" and ")} for ${settings.tags.join(", ")}`);
}

/** Whether some rule lets the pods' addresses talk to each other. */
function talking(policy: Policy, { supernets }: DoctorSettings): Finding {
  const id = "headscale.policy";
  const rules = [...rulesOf(policy["acls"]), ...rulesOf(policy["grants"])];
  if (policy["acls"] === undefined && policy["grants"] === undefined)
    return ok(id, "no acls: everybody may talk to everybody");
  const hosts = isRecord(policy["hosts"]) ? policy["hosts"] : {};
  const blocked = supernets.filter((pods) => !rules.some((rule) => letsTalk(rule, pods, hosts)));
  if (blocked.length === 0) return ok(id, `a rule lets ${supernets.join(" and ")} talk to itself`);
  return fail(id, {
    found: `no rule of the policy lets all of ${blocked.join(" and ")} talk to itself on all ports`,
    why: "Packets keep their pods' addresses in the tailnet; tags and autogroups stand for nodes' addresses, not for pods.",
    todo: `Add {"action":"accept","src":["${blocked[0]}"],"dst":["${blocked[0]}:*"]} to acls.`,
  });
}

function rulesOf(value: unknown): readonly Policy[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

function letsTalk(rule: Policy, pods: string, hosts: Policy): boolean {
  // An acl has an action and ports in its destinations; a grant has ports in `ip`.
  const isAcl = rule["action"] !== undefined;
  if (isAcl && rule["action"] !== "accept") return false;
  const proto = rule["proto"];
  if (isAcl && proto !== undefined && proto !== "") return false;
  if (!isAcl && !textsOf(rule["ip"]).some((ports) => ports === "*" || ports === "*:*")) return false;
  const stands = (name: string) => {
    const resolved = typeof hosts[name] === "string" ? String(hosts[name]) : name;
    return resolved === "*" || resolved === "autogroup:danger-all" || holds(resolved, pods);
  };
  const source = textsOf(rule["src"]).some(stands);
  const destination = textsOf(rule["dst"]).some((text) => {
    if (!isAcl) return stands(text);
    const colon = text.lastIndexOf(":");
    return text.slice(colon + 1) === "*" && stands(text.slice(0, colon).replace(/^\[(.*)\]$/, "$1"));
  });
  return source && destination;
}

/** Whether the prefix in the policy holds the wanted one; anything that is no prefix does not. */
function holds(text: string, wanted: string): boolean {
  try {
    return containsPrefix(parsePrefix(text), parsePrefix(wanted));
  } catch (error) {
    if (error instanceof PrefixError) return false;
    throw error;
  }
}

function cachedMaps(policy: Policy): Finding {
  const id = "headscale.cachedMaps";
  const attrs = rulesOf(policy["nodeAttrs"]).flatMap((entry) => textsOf(entry["attr"]));
  if (attrs.includes("cache-network-maps")) return ok(id, "nodes keep the network map on disk");
  return warn(id, {
    found: "the policy does not give nodes the attribute cache-network-maps",
    why: "A node that reboots while Headscale is down has no pod network until Headscale is back.",
    todo: 'Add {"target":["*"],"attr":["cache-network-maps"]} to the policy\'s nodeAttrs.',
  });
}
