import { assign, enqueueActions, setup } from "xstate";
import type { Failure } from "../../src/domain/failure.ts";
import type { PeerRouteFacts } from "../../src/domain/tailnet/route-facts.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided } from "../support/not-provided.ts";
import type { Recipient } from "../support/recipient.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import type { PeerRouteEvent, PeerRouteState, RouteReport } from "./route-events.ts";

export interface PeerRouteInput {
  readonly prefix: string;
  readonly facts: PeerRouteFacts;
  /** It was in table 52 before: its absence is a loss and no longer an expectation. */
  readonly wasInstalled: boolean;
  /** Absent where the machine only moves a row (the registry's pure `transition`). */
  readonly parent?: Recipient<RouteReport>;
}

interface PeerRouteContext extends PeerRouteInput {
  readonly failure: Failure | null;
}

const limits = {
  install: 10_000,
  away: 300_000,
  conflict: 60_000,
  publish: 60_000,
  missing: 500,
  repair: 5000,
};

/**
 * A peer's prefix as this node sees it. The facts decide the state; what the machine adds is memory, time limits and the repair
 * of a route that somebody deleted from tailscaled's table.
 */
export const peerRouteMachine = setup({
  types: {} as MachineTypes & { input: PeerRouteInput; context: PeerRouteContext; events: PeerRouteEvent },
  actors: {
    /** Puts the prefix back into tailscaled's table, onto its interface. */
    reinstall: notProvided<void, { readonly prefix: string }>("route.reinstall"),
  },
  actions: {
    keepFacts: assign({ facts: (_, facts: PeerRouteFacts) => facts }),
    remember: assign({ wasInstalled: true, failure: null }),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    report: enqueueActions(({ context: { parent, prefix }, enqueue }, state: PeerRouteState) => {
      if (parent !== undefined) enqueue.sendTo(parent, { type: "peerRoute.moved", prefix, state });
    }),
  },
  guards: {
    conflicts: ({ context: { facts } }) => facts.culprit !== "",
    unpublished: ({ context: { facts } }) => !facts.published,
    installed: ({ context: { facts } }) => facts.announced && facts.installed,
    missing: ({ context: { facts, wasInstalled } }) => wasInstalled && facts.announced,
    withdrawn: ({ context: { facts } }) => !facts.announced,
  },
  delays: { install: limits.install, missing: limits.missing, repair: limits.repair },
}).createMachine({
  id: "peerRoute",
  context: ({ input }) => ({ ...input, failure: null }),
  options: { maxIterations: 1_000 },
  initial: "judging",
  on: {
    "peerRoute.observed": {
      target: ".judging",
      actions: { type: "keepFacts", params: ({ event }) => event.facts },
    },
    "peerRoute.release": ".released",
  },
  states: {
    judging: {
      always: [
        { guard: "withdrawn", target: "lost.withdrawn" },
        { guard: "conflicts", target: "conflicting" },
        { guard: "unpublished", target: "unconfirmed" },
        { guard: "installed", target: "installed" },
        { guard: "missing", target: "lost.missing" },
        { target: "expected" },
      ],
    },
    expected: {
      meta: stuckAfter(limits.install, "tailscaled does not install this peer's prefix"),
      entry: { type: "report", params: "expected" },
      // Somebody may have deleted it while no daemon ran; tailscaled adds what it lacks at its next change only.
      after: { install: "lost.repairing" },
    },
    installed: {
      meta: mayLast("packets for this peer's pods go to the tailnet"),
      entry: ["remember", { type: "report", params: "installed" }],
    },
    lost: {
      entry: { type: "report", params: "lost" },
      initial: "withdrawn",
      states: {
        withdrawn: { meta: stuckAfter(limits.away, "the peer is offline or no longer announces its prefix") },
        missing: {
          meta: stuckAfter(limits.missing, "another program deleted this route of tailscaled", "warn"),
          after: { missing: "repairing" },
        },
        repairing: {
          meta: stuckAfter(limits.repair, "the kernel does not accept this route again"),
          invoke: {
            src: "reinstall",
            input: ({ context: { prefix } }) => ({ prefix }),
            onDone: { target: "repaired", actions: "remember" },
            onError: { target: "missing", actions: keepError },
          },
        },
        repaired: {
          meta: stuckAfter(limits.repair, "the route was restored but does not show in the table"),
          // It was deleted again before anybody saw it.
          after: { repair: "missing" },
        },
      },
    },
    unconfirmed: {
      meta: stuckAfter(
        limits.publish,
        "the Node of this prefix has not published its tailnet node: packets to it are refused until it does",
      ),
      entry: { type: "report", params: "unconfirmed" },
    },
    conflicting: {
      meta: stuckAfter(
        limits.conflict,
        "a machine announces a prefix that is not its Node's, or that overlaps another: headcnictl status names it",
        "error",
      ),
      entry: { type: "report", params: "conflicting" },
    },
    released: { type: "final" },
  },
});
