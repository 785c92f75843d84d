import type { HealthRegions, HealthWords } from "./health-regions.ts";
import type { NetworkCondition } from "./kubernetes/kubernetes-objects.ts";
import { networkCondition } from "./kubernetes/network-condition.ts";

/** Body of `/ready`. */
export interface Readiness {
  /** ADD is served. */
  readonly serving: boolean;
  /** `proven`: a packet crossed the tailnet since boot; `unproven`: not yet; `degraded`: it did, and something broke since. */
  readonly state: "proven" | "unproven" | "degraded";
  /** Why it is not serving or not proven, and what is not supported, in words; empty when all is well. */
  readonly reasons: readonly string[];
}

/** What everybody who asks is told: one level, so that no two places disagree. */
export interface HealthLevel {
  readonly readiness: Readiness;
  /** What STATUS answers: the node may be used once it was proven, in this life or an earlier one. */
  readonly status: { readonly ready: boolean; readonly reason: string };
  /** What the Node's NetworkUnavailable condition should say. */
  readonly condition: NetworkCondition;
}

/** `problem`: some region is in a state with that tag. */
export function healthLevel(
  is: HealthRegions,
  problem: boolean,
  { words, unsupported }: { readonly words: HealthWords; readonly unsupported: string },
): HealthLevel {
  const serving = is.service === "serving" && is.cni === "ok";
  const provenOnce = is.proof === "given";
  const why = (region: keyof HealthWords) => (is[region] === "ok" ? "" : words[region]);
  // Without the tailnet, or without a login, control is away as a matter of course.
  const controlLoss = is.tailnet === "ok" && is.login === "ok" ? why("control") : "";
  const reasons = [
    ...(["cni", "node", "guard", "tailnet", "owner", "login", "route"] as const).map(why),
    controlLoss,
    unsupported,
  ];
  return {
    readiness: {
      serving,
      state: serving && !problem ? "proven" : provenOnce && is.route === "ok" ? "degraded" : "unproven",
      reasons: reasons.filter((reason) => reason !== ""),
    },
    status: { ready: provenOnce, reason: why("node") || why("route") },
    condition: networkCondition(is, why, unsupported),
  };
}
