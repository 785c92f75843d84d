/** The regions of the health machine, by which everything is decided. */
export interface HealthRegions {
  /** Whether ADD is served; a daemon that drains serves DEL only. */
  readonly service: "starting" | "serving" | "draining";
  /** `given`: in this life or an earlier one the node's route was proven, or needs no proof. */
  readonly proof: "recalling" | "wanted" | "given";
  readonly guard: "unknown" | "ok" | "repairing" | "fighting" | "failed";
  readonly tailnet: "unknown" | "ok" | "down";
  /** What the owner of the node's tailscaled should change; always `ok` where that is ours. */
  readonly owner: "ok" | "wrong";
  /** tailscaled is in map poll with Headscale. */
  readonly control: "unknown" | "ok" | "away";
  readonly login: "unknown" | "ok" | "pending" | "refused" | "forgotten";
  readonly route: "unknown" | "ok" | "unproven";
  readonly node: "unknown" | "ok" | "waiting" | "unsure" | "conflicting";
  readonly cni: "unknown" | "ok" | "down";
}

/** What is wrong in a region that is not `ok`, in words; empty where an operator need not know. */
export type HealthWords = Readonly<Record<Exclude<keyof HealthRegions, "service" | "proof">, string>>;

/** Before an owner has spoken. */
export const unheardWords: HealthWords = {
  guard: "the guard has not checked yet",
  tailnet: "tailscaled has not been checked yet",
  owner: "",
  control: "Headscale has not been heard of yet",
  login: "",
  route: "this node's route has not been proven yet",
  node: "",
  cni: "",
};
