import { assign, not, sendTo, setup } from "xstate";
import { backoffDelay } from "../../src/domain/backoff.ts";
import { type Failure, toFailure } from "../../src/domain/failure.ts";
import { parsePrefix, routerAddress } from "../../src/domain/prefix.ts";
import type { OwnRouteFacts } from "../../src/domain/route-facts.ts";
import type { HeadscaleEvent } from "../headscale/headscale-jobs.ts";
import { notProvided } from "../support/not-provided.ts";
import type { Recipient } from "../support/recipient.ts";
import type { StateMeta } from "../support/state-limit.ts";
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
  readonly failure?: Failure;
}

const limits = {
  announce: 60_000,
  approve: 30_000,
  service: 10_000,
  prove: 6000,
  regain: 5000,
  withdraw: 5000,
  leave: 10_000,
};
const approvalRetry = { firstMs: 1000, mostMs: 60_000 };
const proofRetry = { firstMs: 250, mostMs: 4000 };
const unknown: OwnRouteFacts = {
  ready: false,
  fresh: false,
  nodeId: "",
  served: false,
  takenBy: "",
  witnesses: [],
};

/**
 * One of this node's own prefixes, from its announcement to the proof that peers reach it. Losing control does not unprove it:
 * what Headscale said last still holds at the peers.
 */
export const ownRouteMachine = setup({
  types: {
    input: {} as OwnRouteInput,
    context: {} as OwnRouteContext,
    events: {} as OwnRouteEvent,
    meta: {} as StateMeta,
  },
  actors: {
    /** One packet from our router address answered by a peer's; true also when there is no peer to ask. */
    prove: notProvided<boolean, { readonly source: string; readonly witnesses: readonly string[] }>(
      "route.prove",
    ),
    withdraw: notProvided<void, { readonly prefix: string }>("route.withdraw"),
  },
  actions: {
    keepFacts: assign({ facts: (_, facts: OwnRouteFacts) => facts }),
    keepFailure: assign({ failure: (_, failure: Failure) => failure }),
    forgetFailure: assign(({ context: { failure: _, ...rest } }) => ({ ...rest, attempt: 0 })),
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
    approvesItself: ({ context }) => context.approval === "api",
    proven: (_, proven: boolean) => proven,
    tired: ({ context }) => context.attempt >= 2,
  },
  delays: {
    service: limits.service,
    regain: limits.regain,
    leave: limits.leave,
    withdrawPause: ({ context }) => backoffDelay(context.attempt, proofRetry, context.prefix),
    approvalPause: ({ context }) => backoffDelay(context.attempt, approvalRetry, context.prefix),
    proofPause: ({ context }) => backoffDelay(context.attempt, proofRetry, context.prefix),
  },
}).createMachine({
  id: "ownRoute",
  context: ({ input }) => ({ ...input, facts: unknown, attempt: 0 }),
  initial: "announcing",
  on: {
    "ownRoute.observed": { actions: { type: "keepFacts", params: ({ event }) => event.facts } },
    "ownRoute.withdraw": ".withdrawing",
  },
  states: {
    announcing: {
      meta: {
        limit: { ms: limits.announce, means: "tailscaled does not stand, nobody hears of this prefix" },
      },
      entry: { type: "report", params: "announcing" },
      always: [
        { guard: "served", target: "awaitingService" },
        { guard: "ready", target: "awaitingApproval" },
      ],
    },
    awaitingApproval: {
      entry: ["startCount", { type: "report", params: "awaitingApproval" }],
      always: [
        { guard: "served", target: "awaitingService" },
        { guard: not("fresh"), target: "announcing" },
      ],
      initial: "choosing",
      states: {
        choosing: { always: [{ guard: "approvesItself", target: "asking" }, { target: "waiting" }] },
        waiting: {
          meta: {
            limit: {
              ms: limits.approve,
              means: "Headscale's autoApprovers do not cover this prefix and tag",
            },
          },
        },
        asking: {
          meta: { limit: { ms: limits.approve, means: "Headscale's API does not approve this prefix" } },
          entry: "askForApproval",
          on: {
            "approval.granted": { target: "#ownRoute.awaitingService", actions: "forgetFailure" },
            "approval.failed": {
              target: "pausing",
              actions: { type: "keepFailure", params: ({ event }) => event.failure },
            },
          },
        },
        pausing: {
          meta: {
            limit: { ms: approvalRetry.mostMs, means: "Headscale refused to approve this prefix" },
            log: "warn",
          },
          after: { approvalPause: { target: "asking", actions: "countAttempt" } },
        },
      },
    },
    awaitingService: {
      entry: ["startCount", { type: "report", params: "awaitingService" }],
      always: { guard: not("fresh"), target: "announcing" },
      initial: "waiting",
      states: {
        waiting: {
          meta: {
            limit: { ms: limits.service, means: "another node serves this prefix, or Headscale forgot it" },
          },
          always: { guard: "served", target: "proving" },
          after: { service: "#ownRoute.awaitingApproval" },
        },
        proving: {
          meta: { limit: { ms: limits.prove, means: "a proof takes longer than its packets may" } },
          always: { guard: "refused", target: "waiting" },
          invoke: {
            src: "prove",
            input: ({ context: { prefix, facts } }) => ({
              source: routerAddress(parsePrefix(prefix)),
              witnesses: facts.witnesses,
            }),
            onDone: [
              {
                guard: { type: "proven", params: ({ event }) => event.output },
                target: "#ownRoute.serving",
                actions: "forgetFailure",
              },
              { target: "pausing" },
            ],
            onError: {
              target: "pausing",
              actions: { type: "keepFailure", params: ({ event }) => toFailure(event.error) },
            },
          },
        },
        pausing: {
          meta: {
            limit: { ms: proofRetry.mostMs, means: "no online peer answers a packet from this prefix" },
          },
          after: { proofPause: { target: "waiting", actions: "countAttempt" } },
        },
      },
    },
    serving: {
      meta: { limit: "none", because: "peers reach this prefix", log: "info" },
      entry: { type: "report", params: "serving" },
      always: [
        { guard: not("fresh"), target: "lost" },
        { guard: "refused", target: "lost" },
      ],
    },
    lost: {
      meta: {
        limit: { ms: limits.regain, means: "Headscale no longer makes this node serve its prefix" },
        log: "warn",
      },
      entry: { type: "report", params: "lost" },
      always: { guard: "served", target: "awaitingService" },
      after: { regain: "awaitingApproval" },
    },
    withdrawing: {
      entry: ["startCount", { type: "report", params: "withdrawing" }],
      on: { "ownRoute.withdraw": {} },
      initial: "telling",
      states: {
        telling: {
          meta: { limit: { ms: limits.withdraw, means: "tailscaled does not take back the announcement" } },
          invoke: {
            src: "withdraw",
            input: ({ context: { prefix } }) => ({ prefix }),
            onDone: "leaving",
            onError: [
              { guard: "tired", target: "#ownRoute.gone" },
              {
                target: "pausing",
                actions: [
                  "countAttempt",
                  { type: "keepFailure", params: ({ event }) => toFailure(event.error) },
                ],
              },
            ],
          },
        },
        pausing: {
          meta: {
            limit: { ms: proofRetry.mostMs, means: "tailscaled refused to take back the announcement" },
          },
          after: { withdrawPause: "telling" },
        },
        leaving: {
          meta: { limit: { ms: limits.leave, means: "Headscale still makes this node serve its prefix" } },
          always: { guard: not("served"), target: "#ownRoute.gone" },
          after: { leave: "#ownRoute.gone" },
        },
      },
    },
    gone: { type: "final", entry: { type: "report", params: "gone" } },
  },
});
