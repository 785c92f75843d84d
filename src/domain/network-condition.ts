import type { NetworkCondition } from "./kubernetes-objects.ts";

/** What the daemon knows of itself; of each subject what is wrong with it, in words, or "". */
interface NetworkHealth {
  readonly service: "starting" | "serving" | "draining";
  readonly provenOnce: boolean;
  readonly conflict: string;
  readonly cni: string;
  readonly guard: string;
  readonly tailnet: string;
  readonly login: string;
  readonly route: string;
  readonly control: string;
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
  "CniSocketDown",
  "GuardBroken",
  "TailnetDown",
  "RouteUnproven",
] as const;

type Reason = (typeof conditionReasons)[number];

function troubleOf(health: NetworkHealth): readonly [reason: Reason | "", message: string] {
  const { conflict, cni, guard, tailnet, login, route, control } = health;
  if (conflict !== "") return ["PodCIDRConflict", conflict];
  if (health.service === "starting")
    return ["HeadcniStarting", "HeadCNI does not serve pods on this node yet"];
  if (cni !== "") return ["CniSocketDown", cni];
  if (guard !== "") return ["GuardBroken", guard];
  if (tailnet !== "") return ["TailnetDown", login || tailnet];
  if (!health.provenOnce || (route !== "" && control === "")) return ["RouteUnproven", route];
  return ["", ""];
}
