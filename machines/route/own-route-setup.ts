import { assign, enqueueActions, sendTo, setup } from "xstate";
import { parsePrefix, routerAddress } from "../../src/domain/addresses/prefix.ts";
import { backoffDelay } from "../../src/domain/backoff.ts";
import type { Failure } from "../../src/domain/failure.ts";
import type { OwnRouteFacts } from "../../src/domain/tailnet/route-facts.ts";
import type { HeadscaleEvent } from "../headscale/headscale-jobs.ts";
import { keep } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided } from "../support/not-provided.ts";
import type { Recipient } from "../support/recipient.ts";
import type { OwnRouteEvent, OwnRouteState, RouteReport } from "./route-events.ts";

export interface OwnRouteInput {
  readonly prefix: string;
  readonly slot: string;
  readonly approval: "policy" | "api";
  readonly headscale: Recipient<HeadscaleEvent>;
  readonly parent: Recipient<RouteReport>;
}

interface OwnRouteContext extends OwnRouteInput {
  readonly facts: OwnRouteFacts;
  readonly attempt: number;
  /** Waits for service in a row that came to nothing. */
  readonly rounds: number;
  readonly failure: Failure | null;
}

/** Limits of the states, in ms: for `meta` and for `after` alike. */
export const ownRouteLimits = {
  announce: 60_000,
  approve: 30_000,
  refresh: 12_000,
  recheck: 60_000,
  prove: 6000,
  regain: 5000,
};
export const approvalRetry = { firstMs: 1000, maxMs: 60_000 };
export const refreshRetry = { firstMs: 30_000, maxMs: 300_000 };
export const serviceRetry = { firstMs: 10_000, maxMs: 300_000 };
export const proofRetry = { firstMs: 250, maxMs: 4000 };
export const unknownRoute: OwnRouteFacts = {
  ready: false,
  fresh: false,
  nodeId: "",
  served: false,
  takenBy: "",
  witnesses: [],
};

/** Vocabulary of the own route machine: what its chart in own-route-machine.ts is written with. */
export const ownRouteSetup = setup({
  types: {} as MachineTypes & { input: OwnRouteInput; context: OwnRouteContext; events: OwnRouteEvent },
  actors: {
    /** One packet from our router address answered by a peer's; true also when there is no peer to ask. */
    prove: notProvided<boolean, { readonly source: string; readonly witnesses: readonly string[] }>(
      "route.prove",
    ),
    /** Has Headscale send this node its own state anew; the data plane does not notice. */
    refresh: notProvided<void, void>("route.refresh"),
  },
  actions: {
    keepFacts: assign({ facts: (_, facts: OwnRouteFacts) => facts }),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    forgetFailure: assign({ failure: null }),
    startRounds: assign({ rounds: 0 }),
    countRound: assign({ rounds: ({ context }) => context.rounds + 1 }),
    startCount: assign({ attempt: 0 }),
    countAttempt: assign({ attempt: ({ context }) => context.attempt + 1 }),
    report: sendTo(
      ({ context }) => context.parent,
      ({ context }, state: OwnRouteState): RouteReport => ({
        type: "ownRoute.moved",
        slot: context.slot,
        state,
      }),
    ),
    askForApproval: sendTo(
      ({ context }) => context.headscale,
      ({ context, self }): HeadscaleEvent => ({
        type: "approval.wanted",
        nodeId: context.facts.nodeId,
        prefixes: [context.prefix],
        replyTo: self,
      }),
    ),
  },
  guards: {
    ready: ({ context }) => context.facts.ready,
    fresh: ({ context }) => context.facts.fresh,
    served: ({ context: { facts } }) => facts.served && facts.fresh,
    refused: ({ context: { facts } }) => facts.ready && !facts.served,
    hasWitnesses: ({ context: { facts } }) => facts.ready && facts.witnesses.length > 0,
    servesSince: ({ context }, serving: readonly string[]) => serving.includes(context.prefix),
    approvesItself: ({ context }) => context.approval === "api",
    proven: (_, proven: boolean) => proven,
  },
  delays: {
    service: ({ context }) => backoffDelay(context.rounds, serviceRetry, context.prefix),
    refreshPause: ({ context }) => backoffDelay(context.attempt, refreshRetry, context.prefix),
    recheck: ownRouteLimits.recheck,
    regain: ownRouteLimits.regain,
    approvalPause: ({ context }) => backoffDelay(context.attempt, approvalRetry, context.prefix),
    proofPause: ({ context }) => backoffDelay(context.attempt, proofRetry, context.prefix),
  },
});

/** What the effect `prove` gets. */
export function proofOf({ prefix, facts }: OwnRouteContext) {
  return { source: routerAddress(parsePrefix(prefix)), witnesses: facts.witnesses };
}
