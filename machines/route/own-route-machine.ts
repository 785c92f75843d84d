import { not } from "xstate";
import { keepError } from "../support/keep-failure.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import {
  approvalRetry,
  ownRouteLimits as limits,
  ownRouteSetup,
  proofOf,
  proofRetry,
  serviceRetry,
  unknownRoute,
} from "./own-route-setup.ts";

/** Has Headscale tell this node its own state anew, then waits on. */
const refreshing = ownRouteSetup.createStateConfig({
  meta: stuckAfter(limits.refresh, "tailscaled does not answer on its socket"),
  invoke: {
    src: "refresh",
    onDone: { target: "pending", actions: "forgetFailure" },
    onError: { target: "pending", actions: keepError },
  },
});

/**
 * One of this node's own prefixes, from its announcement to the proof that peers reach it. Losing control does not unprove it:
 * what Headscale said last still holds at the peers.
 */
export const ownRouteMachine = ownRouteSetup.createMachine({
  id: "ownRoute",
  context: ({ input }) => ({ ...input, facts: unknownRoute, attempt: 0, rounds: 0, failure: null }),
  options: { maxIterations: 1_000 },
  initial: "announcing",
  on: {
    "ownRoute.observed": { actions: { type: "keepFacts", params: ({ event }) => event.facts } },
  },
  states: {
    announcing: {
      meta: stuckAfter(limits.announce, "tailscaled is not up: peers do not learn this prefix"),
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
        choosing: { always: [{ guard: "approvesItself", target: "asking" }, { target: "pending" }] },
        pending: {
          meta: stuckAfter(limits.approve, "Headscale's autoApprovers do not cover this prefix and tag"),
          // Headscale 0.29 tells everybody but this node itself when it serves now in the place of one that went offline.
          after: { refreshPause: { target: "refreshing", actions: "countAttempt" } },
        },
        refreshing,
        asking: {
          meta: stuckAfter(limits.approve, "Headscale's API does not approve this prefix"),
          entry: "askForApproval",
          on: {
            "approval.granted": [
              {
                // Headscale 0.29 tells everybody but this node itself (State.SetApprovedRoutes: PolicyChange).
                guard: { type: "servesSince", params: ({ event }) => event.serving },
                target: "#ownRoute.awaitingService.refreshing",
              },
              { target: "#ownRoute.awaitingService" },
            ],
            "approval.failed": {
              target: "backingOff",
              actions: { type: "keepFailure", params: ({ event }) => event.failure },
            },
          },
        },
        backingOff: {
          meta: stuckAfter(approvalRetry.maxMs, "Headscale refused to approve this prefix", "warn"),
          after: { approvalPause: { target: "asking", actions: "countAttempt" } },
        },
      },
    },
    awaitingService: {
      entry: ["forgetFailure", "startCount", { type: "report", params: "awaitingService" }],
      always: { guard: not("fresh"), target: "announcing" },
      initial: "pending",
      states: {
        refreshing,
        pending: {
          meta: stuckAfter(serviceRetry.maxMs, "another node serves this prefix, or Headscale forgot it"),
          always: { guard: "served", target: "proving" },
          after: { service: { target: "#ownRoute.awaitingApproval", actions: "countRound" } },
        },
        proving: {
          meta: stuckAfter(limits.prove, "a proof takes longer than the deadlines of its packets"),
          always: { guard: "refused", target: "pending" },
          invoke: {
            src: "prove",
            input: ({ context }) => proofOf(context),
            onDone: [
              {
                guard: { type: "proven", params: ({ event }) => event.output },
                target: "#ownRoute.serving",
                actions: ["forgetFailure", "startCount", "startRounds"],
              },
              { target: "backingOff" },
            ],
            onError: { target: "backingOff", actions: keepError },
          },
        },
        backingOff: {
          meta: stuckAfter(proofRetry.maxMs, "no online peer answers a packet from this prefix"),
          after: { proofPause: { target: "pending", actions: "countAttempt" } },
        },
      },
    },
    serving: {
      entry: { type: "report", params: "serving" },
      always: [
        { guard: not("fresh"), target: "lost" },
        { guard: "refused", target: "lost" },
      ],
      initial: "resting",
      states: {
        resting: {
          meta: mayLast("peers reach this prefix", "info"),
          after: {
            recheck: [
              { guard: "hasWitnesses", target: "checking" },
              { target: "resting", reenter: true },
            ],
          },
        },
        // An approval taken back in Headscale 0.29 is told to all but the node itself: only a packet shows it.
        checking: {
          meta: stuckAfter(limits.prove, "a proof takes longer than the deadlines of its packets"),
          invoke: {
            src: "prove",
            input: ({ context }) => proofOf(context),
            onDone: [
              {
                guard: { type: "proven", params: ({ event }) => event.output },
                target: "resting",
                actions: "forgetFailure",
              },
              { target: "#ownRoute.awaitingService.refreshing" },
            ],
            onError: { target: "resting", actions: keepError },
          },
        },
      },
    },
    lost: {
      meta: stuckAfter(limits.regain, "Headscale no longer lets this node serve its prefix", "warn"),
      entry: { type: "report", params: "lost" },
      always: { guard: "served", target: "awaitingService" },
      after: { regain: "awaitingApproval" },
    },
  },
});
