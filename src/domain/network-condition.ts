import type { NetworkCondition } from "./kubernetes-objects.ts";

/** What the daemon knows of itself; a `…Trouble` is empty when there is none. */
export interface NetworkHealth {
  /** ADD is served. */
  readonly serving: boolean;
  /** In this life or an earlier one the node's route was proven. */
  readonly provenOnce: boolean;
  /** tailscaled is in map poll with Headscale. */
  readonly controlled: boolean;
  readonly nodeConflict: string;
  readonly guardTrouble: string;
  readonly tailnetTrouble: string;
  readonly loginTrouble: string;
  readonly routeTrouble: string;
}

/**
 * What a Node's NetworkUnavailable condition should say: whether a new pod here could talk to pods elsewhere. A control plane
 * that is away is no reason: what is known of routes then is from before, and packets still pass.
 */
export function networkCondition(health: NetworkHealth): NetworkCondition {
  const [reason, message] = troubleOf(health);
  return reason === ""
    ? { status: "False", reason: "HeadcniServes", message: "HeadCNI serves pods on this node" }
    : { status: "True", reason, message };
}

/** Every reason that HeadCNI gives for the condition: by these it knows its own. */
export const conditionReasons = [
  "HeadcniServes",
  "PodCIDRConflict",
  "HeadcniStarting",
  "GuardBroken",
  "TailnetDown",
  "RouteUnproven",
] as const;

type Reason = (typeof conditionReasons)[number];

function troubleOf(health: NetworkHealth): readonly [reason: Reason | "", message: string] {
  const { nodeConflict, guardTrouble, tailnetTrouble, loginTrouble, routeTrouble, controlled } = health;
  if (nodeConflict !== "") return ["PodCIDRConflict", nodeConflict];
  if (!health.serving) return ["HeadcniStarting", "HeadCNI does not serve pods on this node yet"];
  if (guardTrouble !== "") return ["GuardBroken", guardTrouble];
  if (tailnetTrouble !== "") return ["TailnetDown", loginTrouble || tailnetTrouble];
  if (!health.provenOnce || (routeTrouble !== "" && controlled)) return ["RouteUnproven", routeTrouble];
  return ["", ""];
}
