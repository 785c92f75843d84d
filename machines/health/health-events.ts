import type { HealthLevel } from "../../src/domain/health-level.ts";
import type { HealthWords } from "../../src/domain/health-regions.ts";
import type { AuthKeySource } from "../../src/domain/tailnet/login-problem.ts";
import type { CniCommand, CniFact } from "../cni/cni-events.ts";
import type { GuardReport } from "../guard/guard-events.ts";
import type { HeadscaleEvent } from "../headscale/headscale-jobs.ts";
import type { OwnNodeEvent, OwnNodeFact } from "../own-node/own-node-events.ts";
import type { OwnerJudged } from "../owner/owner-events.ts";
import type { ReadinessEvent, ReadinessFact } from "../readiness/readiness-events.ts";
import type { RoutesFact } from "../routes/routes-events.ts";
import type { ServiceProxyFact } from "../service-proxy/service-proxy-machine.ts";
import type { Recipient } from "../support/recipient.ts";
import type { TailnetFact } from "../tailnet/tailnet-events.ts";

/** What owners say of themselves: levels, sent on change. */
export type HealthFact =
  | GuardReport
  | TailnetFact
  | OwnerJudged
  | RoutesFact
  | OwnNodeFact
  | CniFact
  | ReadinessFact
  | ServiceProxyFact
  /** From the root: ADD is served from now on, or not any more. */
  | { readonly type: "service.opened" }
  | { readonly type: "service.closed" };

/** Who is told by event; the others read the level. */
export interface HealthListeners {
  readonly cni: Recipient<CniCommand>;
  /** Null without Kubernetes. */
  readonly node: Recipient<OwnNodeEvent> | null;
  readonly readiness: Recipient<ReadinessEvent>;
  readonly headscale: Recipient<HeadscaleEvent>;
}

export type HealthEvent =
  | HealthFact
  /** From the root, first of all: these want to know, now and on each change. */
  | ({ readonly type: "health.followed" } & HealthListeners)
  /** From itself: a region moved, or its words changed. */
  | { readonly type: "health.changed" };

export interface HealthInput {
  /** Where the key of a login comes from: decides what a refused login asks of the operator. */
  readonly authKeyFrom: AuthKeySource;
  /** Whether there is a Node to agree with. */
  readonly kubernetes: boolean;
  /** An earlier life proved what this node last was: no restart costs readiness. */
  readonly provenBefore: boolean;
}

/** How the node is, its regions say; what is kept here is why, in words. */
export interface HealthContext extends HealthInput {
  readonly words: HealthWords;
  /** What of the node HeadCNI does not support, in words; empty when nothing. It is no problem of a region: running pods keep working. */
  readonly unsupported: string;
  /** What the listeners were told last; null before. */
  readonly told: HealthLevel | null;
  readonly listeners: HealthListeners | null;
  /** What was heard of route and login while the tailnet was down: it counts once the tailnet is back. */
  readonly held: {
    readonly route?: RoutesFact;
    readonly login?: Extract<TailnetFact, { type: "tailscale.loginEnded" }>;
  };
}
