import type { Failure } from "../../src/domain/failure.ts";
import type { CniCommand, CniReport } from "../cni/cni-events.ts";
import type { ConfigReport } from "../config/config-events.ts";
import type { GuardReport } from "../guard/guard-events.ts";
import type { HeadscaleEvent } from "../headscale/headscale-jobs.ts";
import type { HeadscaleInput } from "../headscale/headscale-machine.ts";
import type { PodsCall, PodsCommand, PodsReport, PodsSettings } from "../pods/pods-events.ts";
import type { ReadinessEvent, ReadinessReport } from "../readiness/readiness-machine.ts";
import type { RoutesInput, RoutesReport } from "../routes/routes-events.ts";
import type { Recipient } from "../support/recipient.ts";
import type { TailscaleInput, TailscaleReport } from "../tailscale/tailscale-types.ts";

/** The parts of the configuration that the machines decide by; plain data. */
export interface HeadcniSettings {
  readonly pods: PodsSettings;
  readonly routes: Omit<RoutesInput, "headscale" | "parent">;
  readonly tailscale: Omit<TailscaleInput, "headscale" | "parent">;
  readonly headscale: HeadscaleInput;
  /** Whether STATUS and the conflist wait for the proof of this node's routes: no earlier life proved this identity. */
  readonly proofNeeded: boolean;
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
  | PodsReport
  | ReadinessReport
  | RoutesReport
  | TailscaleReport
  | { readonly type: `xstate.done.actor.${string}`; readonly actorId: string }
  | { readonly type: `xstate.error.actor.${string}`; readonly actorId: string; readonly error: unknown };

/** Of each `…Trouble`: empty when there is none, else the reason in words, shown on /ready. */
export interface HeadcniContext {
  readonly settings: HeadcniSettings;
  readonly pods: Recipient<PodsCall | PodsCommand>;
  readonly cni: Recipient<CniCommand>;
  readonly readiness: Recipient<ReadinessEvent>;
  readonly headscale: Recipient<HeadscaleEvent>;
  /** The kernel's attachments are known. */
  readonly recovered: boolean;
  readonly guardTrouble: string;
  readonly tailnetTrouble: string;
  readonly routeTrouble: string;
  /** tailscaled is in map poll with Headscale. */
  readonly controlled: boolean;
  /** In this life or an earlier one: the node may be used. */
  readonly provenOnce: boolean;
  /** What ended the daemon. */
  readonly failure: Failure | null;
}

/** A failure ends the process with exit code 1: the next start recovers from the kernel. */
export interface HeadcniOutput {
  readonly failure: Failure | null;
}
