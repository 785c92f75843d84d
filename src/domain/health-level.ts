import type { NetworkCondition } from "./kubernetes-objects.ts";
import { networkCondition } from "./network-condition.ts";

/** Of each subject: null while nobody has said anything, "" when it is well, else what is wrong with it, in words. */
export interface HealthFacts {
  /** Whether ADD is served; a daemon that drains serves DEL only. */
  readonly service: "starting" | "serving" | "draining";
  /** In this life or an earlier one the node's route was proven, or needs no proof. */
  readonly provenOnce: boolean;
  readonly guard: string | null;
  readonly tailnet: string | null;
  /** tailscaled is in map poll with Headscale. */
  readonly control: string | null;
  readonly login: string | null;
  readonly route: string | null;
  readonly node: string | null;
  /** The Node has other pod CIDRs than the pods that run here; empty when not. */
  readonly conflict: string;
  readonly cni: string | null;
}

/** Body of `/ready`. */
export interface Readiness {
  /** ADD is served. */
  readonly serving: boolean;
  /** `proven`: a packet crossed the tailnet since boot; `unproven`: not yet; `degraded`: it did, and something broke since. */
  readonly state: "proven" | "unproven" | "degraded";
  /** Why it is not serving or not proven, in words; empty when all is well. */
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

export function healthLevel(facts: HealthFacts): HealthLevel {
  const words = withWords(facts);
  const { node, guard, tailnet, login, route, cni, control, provenOnce } = words;
  const serving = facts.service === "serving" && facts.cni === "";
  // Without the tailnet, or without a login, control is away as a matter of course.
  const controlLoss = tailnet === "" && login === "" ? control : "";
  const reasons = [cni, node, guard, tailnet, login, route, controlLoss].filter((reason) => reason !== "");
  const state = serving && isWhole(facts) ? "proven" : provenOnce && route === "" ? "degraded" : "unproven";
  return {
    readiness: { serving, state, reasons },
    status: { ready: provenOnce, reason: node === "" ? route : node },
    condition: networkCondition(words),
  };
}

function isWhole({ guard, tailnet, control, login, route, node, cni }: HealthFacts): boolean {
  return [guard, tailnet, control, login, route, node, cni].every((fact) => fact === "");
}

function withWords(facts: HealthFacts) {
  return {
    ...facts,
    guard: facts.guard ?? "the guard has not looked yet",
    tailnet: facts.tailnet ?? "tailscaled has not been looked at yet",
    control: facts.control ?? "Headscale has not been heard of yet",
    login: facts.login ?? "",
    route: facts.route ?? "this node's route has not been proven yet",
    node: facts.node ?? "",
    cni: facts.cni ?? "",
  };
}
