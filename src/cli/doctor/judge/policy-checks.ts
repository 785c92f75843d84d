import { containsPrefix, parsePrefix, readPrefix } from "../../../domain/addresses/prefix.ts";
import type { DoctorFacts, DoctorSettings } from "./facts.ts";
import { type Checks, fail, listed, ok, skipped, warn } from "./finding.ts";
import { onceReached } from "./headscale-checks.ts";
import { isRecord, parsePolicy, textsOf } from "./policy-text.ts";

type Policy = Readonly<Record<string, unknown>>;

/** Headscale's policy: who approves routes, and whether pods may talk. */
export const policyChecks: Checks = {
  "headscale.approvers": onceReached((facts, settings) => {
    const policy = policyOf(facts);
    if (policy === "absent" && settings.approval === "api")
      return ok("no policy; the API key approves routes");
    if (policy === "absent")
      return fail({
        found: "Headscale has no policy",
        why: "With approval: policy nobody approves this node's routes, so no other node can reach its pods.",
        todo: `headscale policy set -f FILE, with ${example(facts, settings)}`,
      });
    if (typeof policy === "string") return undefined;
    const names = namesOf(facts, settings);
    const owners = isRecord(policy["tagOwners"]) ? policy["tagOwners"] : {};
    const undeclared = names.filter((name) => name.startsWith("tag:") && owners[name] === undefined);
    if (undeclared.length > 0)
      return fail({
        found: `the policy's tagOwners lacks ${listed(undeclared)}`,
        why: "Headscale lets no node have a tag that nobody owns.",
        todo: `Add "${undeclared[0]}": [] to tagOwners.`,
      });
    if (settings.approval === "api") return ok("the API key approves routes");
    const auto = isRecord(policy["autoApprovers"]) ? policy["autoApprovers"]["routes"] : undefined;
    const routes = isRecord(auto) ? auto : {};
    const covered = (wanted: string) =>
      Object.entries(routes).some(
        ([prefix, who]) =>
          holds(prefix, wanted) && textsOf(who).some((name) => namesNode(name, names, policy["groups"])),
      );
    const wanted = settings.ownPrefixes.length > 0 ? settings.ownPrefixes : settings.supernets;
    const missing = wanted.filter((prefix) => !covered(prefix));
    if (missing.length > 0)
      return fail({
        found: `the policy's autoApprovers do not approve ${listed(missing)} for ${names.join(", ")}`,
        why: "The routes of this node would wait for approval for ever, and its pods stay unreachable from others.",
        todo: `Put into the policy: ${example(facts, settings)}`,
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
    if (policy === "unreadable") return skipped("its policy is no JSON that we can read");
    const rules = [...rulesOf(policy["acls"]), ...rulesOf(policy["grants"])];
    if (policy["acls"] === undefined && policy["grants"] === undefined)
      return ok("no acls: everybody may talk to everybody");
    const hosts = isRecord(policy["hosts"]) ? policy["hosts"] : {};
    const blocked = supernets.filter((pods) => !rules.some((rule) => letsTalk(rule, pods, hosts)));
    if (blocked.length === 0) return ok(`a rule lets ${supernets.join(" and ")} talk to itself`);
    return fail({
      found: `no rule of the policy lets all of ${blocked.join(" and ")} talk to itself on all ports`,
      why: "Packets keep their pods' addresses in the tailnet; tags and autogroups stand for nodes' addresses, not for pods.",
      todo: `Add {"action":"accept","src":["${blocked[0]}"],"dst":["${blocked[0]}:*"]} to acls.`,
    });
  }),

  "headscale.cachedMaps": onceReached((facts) => {
    const policy = policyOf(facts);
    if (policy === "hidden" || policy === "unreadable") return undefined;
    const entries = policy === "absent" ? [] : rulesOf(policy["nodeAttrs"]);
    const attrs = entries.flatMap((entry) => textsOf(entry["attr"]));
    if (attrs.includes("cache-network-maps")) return ok("nodes keep the network map on disk");
    return warn({
      found: "the policy does not give nodes the attribute cache-network-maps",
      why: "A node that reboots while Headscale is down has no pod network until Headscale is back.",
      todo: 'Add {"target":["*"],"attr":["cache-network-maps"]} to the policy\'s nodeAttrs.',
    });
  }),
};

/** `hidden`: only an API key shows it. */
function policyOf({ headscale: { admin } }: DoctorFacts): Policy | "absent" | "hidden" | "unreadable" {
  const stored = "unknown" in admin ? admin : admin.value.policy;
  if ("unknown" in stored) return "hidden";
  return stored.value === "" ? "absent" : (parsePolicy(stored.value) ?? "unreadable");
}

/** Whom the policy knows this node as: the tags that it asks for, or, in its owner's tailscaled, those it has, or its user. */
function namesOf({ owner }: DoctorFacts, { tags }: DoctorSettings): readonly string[] {
  const { tags: given, user } =
    owner !== undefined && "value" in owner ? owner.value.identity : { tags: [], user: "" };
  if (given.length > 0) return given;
  // Headscale's policy writes a user without a domain as "alice@".
  return user === "" ? tags : [user.includes("@") ? user : `${user}@`];
}

/** Whether a name in the policy stands for the node. */
function namesNode(name: string, names: readonly string[], groups: unknown): boolean {
  if (names.includes(name)) return true;
  if (names.every((one) => one.startsWith("tag:"))) return false;
  if (name === "autogroup:member") return true;
  return isRecord(groups) && textsOf(groups[name]).some((one) => names.includes(one));
}

function example(facts: DoctorFacts, settings: DoctorSettings): string {
  const [name = "tag:k8s-node"] = namesOf(facts, settings);
  const routes = settings.supernets.map((prefix) => `"${prefix}":["${name}"]`).join(",");
  const owners = name.startsWith("tag:") ? `"tagOwners":{"${name}":[]},` : "";
  return `{${owners}"autoApprovers":{"routes":{${routes}}}}`;
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
  const prefix = readPrefix(text);
  return prefix !== undefined && containsPrefix(prefix, parsePrefix(wanted));
}
