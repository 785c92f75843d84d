import type { Failure } from "../../src/domain/failure.ts";
import type { BoundNodes } from "../../src/domain/kubernetes/node-bindings.ts";
import type { ClusterNodesReport } from "../cluster-nodes/cluster-nodes-machine.ts";
import type { CniCommand, CniReport } from "../cni/cni-events.ts";
import type { ConfigReport } from "../config/config-machine.ts";
import type { GuardEvent, GuardReport } from "../guard/guard-events.ts";
import type { HeadscaleEvent } from "../headscale/headscale-jobs.ts";
import type { HeadscaleInput } from "../headscale/headscale-machine.ts";
import type { HealthEvent } from "../health/health-events.ts";
import type { OwnNodeEvent, OwnNodeInput, OwnNodeReport } from "../own-node/own-node-events.ts";
import type { PodWatchEvent, PodWatchInput } from "../pod-watch/pod-watch-events.ts";
import type { PodsCall, PodsCommand, PodsReport, PodsSettings } from "../pods/pods-events.ts";
import type { PolicyEvent, PolicyInput } from "../policy/policy-events.ts";
import type { ReadinessEvent, ReadinessSettings } from "../readiness/readiness-events.ts";
import type { RoutesEvent, RoutesInput } from "../routes/routes-events.ts";
import type { ServiceCidrsInput, ServiceCidrsReport } from "../service-cidrs/service-cidrs-machine.ts";
import type { Recipient } from "../support/recipient.ts";
import type { WantedTailnet } from "../tailnet/tailnet-events.ts";
import type { TailscaledEvent, TailscaledInput } from "../tailscaled/tailscaled-machine.ts";
import type { AllowlistInput, AllowlistReport } from "../wire/allowlist-events.ts";

/** The parts of the configuration that the machines decide by; plain data. */
export interface HeadcniSettings {
  /** This node's pod CIDRs of the configuration; empty: its Node says. */
  readonly ownPrefixes: readonly string[];
  readonly pods: PodsSettings;
  readonly routes: Omit<RoutesInput, "own" | "bound" | "headscale" | "health">;
  readonly tailscale: Omit<
    TailscaledInput,
    "wanted" | "headscale" | "health" | "guard" | "routes" | "node"
  > & {
    readonly wanted: Omit<WantedTailnet, "advertiseRoutes">;
    /** Whose tailscaled carries the pods. */
    readonly mode: "daemon" | "host";
    /** MTU of the pods. */
    readonly mtu: number;
  };
  readonly headscale: HeadscaleInput;
  /** Beside the node's own tailscaled, with Kubernetes: null where headcni-wire keeps it, or there is none. */
  readonly allowlist: Pick<AllowlistInput, "believed"> | null;
  readonly readiness: ReadinessSettings;
  /** Whether pods may read the metrics. */
  readonly metricsPage: boolean;
  /** Null without Kubernetes. */
  readonly kubernetes: {
    readonly node: Omit<OwnNodeInput, "health" | "pods" | "parent">;
    readonly podWatch: Omit<PodWatchInput, "pods">;
    readonly serviceCidrs: Omit<ServiceCidrsInput, "parent">;
    /** Null where nothing enforces NetworkPolicies. */
    readonly policy: PolicyInput | null;
  } | null;
}

export interface HeadcniInput {
  readonly settings: HeadcniSettings;
}

export type HeadcniEvent =
  /** From the process: end, leaving pods and tailscaled as they are. */
  | { readonly type: "daemon.stop" }
  /** From the kernel worker: nothing can be done any more. */
  | { readonly type: "kernel.failed"; readonly failure: Failure }
  | CniReport
  | ConfigReport
  | GuardReport
  | AllowlistReport
  | PodsReport
  | ClusterNodesReport
  | OwnNodeReport
  | ServiceCidrsReport
  | { readonly type: `xstate.done.actor.${string}`; readonly actorId: string }
  | { readonly type: `xstate.error.actor.${string}`; readonly actorId: string; readonly error: unknown };

export interface HeadcniContext {
  readonly settings: HeadcniSettings;
  readonly health: Recipient<HealthEvent>;
  readonly pods: Recipient<PodsCall | PodsCommand>;
  readonly cni: Recipient<CniCommand>;
  readonly readiness: Recipient<ReadinessEvent>;
  readonly headscale: Recipient<HeadscaleEvent>;
  readonly node: Recipient<OwnNodeEvent> | null;
  readonly podWatch: Recipient<PodWatchEvent> | null;
  readonly policy: Recipient<PolicyEvent> | null;
  /** All that stands on the node's pod CIDRs: null until they are known. */
  readonly guard: Recipient<GuardEvent> | null;
  readonly routes: Recipient<RoutesEvent> | null;
  readonly tailscaled: Recipient<Extract<TailscaledEvent, { type: "credentials.replaced" }>> | null;
  /** This node's pod CIDRs; empty until they are known. */
  readonly ownPrefixes: readonly string[];
  /** Who may serve the pod CIDRs of all Nodes; null until they are known, and without Kubernetes. */
  readonly bound: BoundNodes | null;
  /** Prefixes of the ServiceCIDR objects, as last heard or remembered; empty without Kubernetes. */
  readonly services: readonly string[];
  /** The kernel's attachments are known. */
  readonly recovered: boolean;
  /** The guard's last word is that everything holds. */
  readonly guarded: boolean;
  /** The allowlist is in force, where this process keeps it. */
  readonly enclosed: boolean;
  /** What ended the daemon. */
  readonly failure: Failure | null;
}

/** A failure ends the process with exit code 1: the next start recovers from the kernel. */
export interface HeadcniOutput {
  readonly failure: Failure | null;
}
