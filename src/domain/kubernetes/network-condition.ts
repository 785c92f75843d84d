import type { HealthRegions, HealthWords } from "../health-regions.ts";
import type { NetworkCondition } from "./kubernetes-objects.ts";

/**
 * What a Node's NetworkUnavailable condition should say: whether a new pod here could talk to pods elsewhere. A control plane
 * that is away is no reason: what is known of routes then is from before, and packets still pass. Nor is what is not supported:
 * it is named, and the node stays schedulable.
 */
export function networkCondition(is: HealthRegions, why: Why, unsupported: string): NetworkCondition {
  const [reason, message] = problemOf(is, why);
  if (reason !== "") return { status: "True", reason, message };
  const serves = "HeadCNI serves pods on this node";
  return unsupported === ""
    ? { status: "False", reason: "HeadcniServes", message: serves }
    : { status: "False", reason: "ServiceProxyUnsupported", message: `${serves}, but ${unsupported}` };
}

/** Every reason that HeadCNI gives for the condition: by these it knows its own. */
export const conditionReasons = [
  "HeadcniServes",
  "ServiceProxyUnsupported",
  "PodCIDRConflict",
  "HeadcniStarting",
  "CniSocketDown",
  "GuardBroken",
  "TailnetDown",
  "RouteUnproven",
] as const;

type Reason = (typeof conditionReasons)[number];

/** What is wrong in a region, in words; empty where it is well. */
type Why = (region: keyof HealthWords) => string;

function problemOf(is: HealthRegions, why: Why): readonly [reason: Reason | "", message: string] {
  if (is.node === "conflicting") return ["PodCIDRConflict", why("node")];
  if (is.service === "starting") return ["HeadcniStarting", "HeadCNI does not serve pods on this node yet"];
  if (is.cni === "down") return ["CniSocketDown", why("cni")];
  if (is.guard !== "ok") return ["GuardBroken", why("guard")];
  if (is.tailnet !== "ok") return ["TailnetDown", why("login") || why("tailnet")];
  if (is.proof !== "given" || (is.route !== "ok" && is.control === "ok"))
    return ["RouteUnproven", why("route")];
  return ["", ""];
}
