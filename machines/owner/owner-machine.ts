import { not } from "xstate";
import { toFailure } from "../../src/domain/failure.ts";
import type { OwnerHindrance } from "../../src/domain/owner/owner-problem.ts";
import { keepError } from "../support/keep-failure.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import type { FoundTailscaled } from "../tailscaled/tailscaled-machine.ts";
import { ownerLimits as limits, ownerRestart, ownerSetup, termsOf } from "./owner-setup.ts";

const nobody: FoundTailscaled = { pid: 0, startTime: "", attended: false };

const by = (code: OwnerHindrance) => ({ type: "isHinderedBy", params: code }) as const;

/** Waits for the owner, and is left when he has done what it takes. */
function hindered(code: OwnerHindrance, means: string) {
  return {
    meta: stuckAfter(limits.owner, means, "warn"),
    always: [
      { guard: not(by(code)), target: "#owner.found.judging" },
      { guard: "hidesTerms", target: "#owner.found.hindered.telling" },
    ],
  } as const;
}

/**
 * The node's own tailscaled: its owner stops it, restarts it, logs it out, switches profiles and edits preferences, and each of it is a
 * state here. Ours are the prefixes that we announce and that it accepts routes, once the guard holds; all else is named
 * and waited for. While it can carry pods it has a `tailnet`, as our own tailscaled has.
 */
export const ownerMachine = ownerSetup.createMachine({
  id: "owner",
  context: ({ input }) => ({
    ...input,
    found: nobody,
    missed: "",
    facts: null,
    unread: "",
    offered: "",
    held: false,
    asked: true,
    judged: "",
    failures: 0,
    failure: null,
  }),
  options: { maxIterations: 1_000 },
  entry: "releaseGuard",
  initial: "away",
  states: {
    away: {
      meta: stuckAfter(
        limits.away,
        "nothing answers on tailscale.socket: the node's tailscaled does not run",
      ),
      initial: "seeking",
      states: {
        seeking: {
          meta: stuckAfter(limits.seek, "/proc does not answer"),
          invoke: {
            src: "seek",
            onDone: {
              target: "#owner.found",
              actions: { type: "takeFound", params: ({ event }) => event.output },
            },
            onError: [
              {
                guard: { type: "isNews", params: ({ event }) => toFailure(event.error) },
                target: "missing",
                actions: { type: "noteMissed", params: ({ event }) => toFailure(event.error) },
              },
              { target: "awaitingPoll" },
            ],
          },
        },
        missing: {
          meta: stuckAfter(limits.pause, "the node's tailscaled does not run", "warn"),
          after: { pause: "seeking" },
        },
        awaitingPoll: {
          meta: stuckAfter(limits.pause, "the node's tailscaled still does not run"),
          after: { pause: "seeking" },
        },
        backingOff: {
          meta: stuckAfter(ownerRestart.maxMs, "the node's tailscaled does not stay up", "warn"),
          entry: "countFailure",
          after: { restart: "seeking" },
        },
      },
    },
    found: {
      initial: "examining",
      invoke: {
        src: "feed",
        id: "feed",
        input: ({ context: { found }, self }) => ({
          process: { pid: found.pid, startTime: found.startTime },
          parent: self,
        }),
        onDone: "away.backingOff",
        onError: { target: "away.backingOff", actions: keepError },
      },
      on: {
        "owner.read": [
          {
            guard: { type: "isSettled", params: ({ event }) => event },
            actions: [{ type: "keepFacts", params: ({ event }) => event.facts }, "reportProblems"],
          },
          { actions: { type: "keepFacts", params: ({ event }) => event.facts } },
        ],
        "owner.unread": {
          actions: [{ type: "keepUnread", params: ({ event }) => event }, "reportProblems"],
        },
      },
      exit: ["forgetFacts", "reportProblems"],
      states: {
        examining: {
          meta: stuckAfter(limits.look, "the node's tailscaled does not answer on its socket"),
          always: [
            { guard: "isKnown", target: "judging" },
            { guard: "isUnread", target: "unread" },
          ],
        },
        // Nothing is known of it, so nothing of it is used.
        unread: {
          meta: stuckAfter(limits.owner, "the node's tailscaled cannot be read: /ready says why", "warn"),
          entry: "reportUnread",
          always: { guard: "isKnown", target: "judging" },
        },
        judging: {
          always: [
            { guard: by("TOO_OLD"), target: "hindered.tooOld" },
            { guard: by("NO_TUN"), target: "hindered.withoutInterface" },
            { guard: by("OTHER_CONTROL"), target: "hindered.elsewhere" },
            { guard: by("LOGGED_OUT"), target: "hindered.loggedOut" },
            { guard: by("STOPPED"), target: "hindered.stopped" },
            { guard: by("APP_CONNECTOR"), target: "hindered.appConnector" },
            { target: "attending" },
          ],
        },
        // Pods are cut off, and nothing of the owner's is touched.
        hindered: {
          entry: ["reportHindrance", "forgetFailures"],
          initial: "stopped",
          states: {
            tooOld: hindered("TOO_OLD", "the node's tailscaled is too old: its owner has to upgrade it"),
            withoutInterface: hindered("NO_TUN", "the node's tailscaled runs without an interface"),
            elsewhere: hindered("OTHER_CONTROL", "the node's tailscaled is in another tailnet"),
            loggedOut: hindered("LOGGED_OUT", "the node's tailscaled is logged out"),
            stopped: hindered("STOPPED", "the node's tailscaled is stopped: `tailscale up` starts it"),
            appConnector: hindered("APP_CONNECTOR", "the node's tailscaled is an app connector"),
            // Another profile has routes and an exit node of its own, which rules made for the former one would keep from the node.
            telling: {
              meta: stuckAfter(limits.enter, "what the guard needs to know cannot be stored"),
              invoke: {
                src: "enter",
                input: ({ context }) => ({ terms: termsOf(context) }),
                onDone: {
                  target: "#owner.found.judging",
                  actions: [{ type: "noteOffered", params: ({ event }) => event.output }, "offerTerms"],
                },
                onError: { target: "untold", actions: keepError },
              },
            },
            untold: {
              meta: stuckAfter(limits.again, "what the guard needs to know cannot be stored", "warn"),
              always: { guard: not("isHindered"), target: "#owner.found.judging" },
              after: { again: "#owner.found.judging" },
            },
          },
        },
        attending: {
          type: "parallel",
          exit: "reportEnded",
          always: { guard: "isHindered", target: "judging" },
          invoke: {
            src: "tailnet",
            id: "tailnet",
            input: ({ context: { found, wanted, authKeyFrom, headscale, health, routes, node }, self }) => ({
              process: { pid: found.pid, startTime: found.startTime },
              arrival: found.attended ? ("adopted" as const) : ("restarted" as const),
              wanted,
              authKeyFrom,
              headscale,
              health,
              routes,
              node,
              parent: self,
            }),
            onDone: "#owner.away.backingOff",
            onError: { target: "#owner.away.backingOff", actions: keepError },
          },
          on: { "credentials.replaced": { actions: "offerCredentials" } },
          states: {
            session: {
              initial: "awaitingTailnet",
              on: { "session.settled": { target: ".steady", actions: "forgetFailures" } },
              states: {
                awaitingTailnet: {
                  meta: stuckAfter(
                    limits.settle,
                    "the node's tailscaled runs, but the tailnet is down: see the machine tailnet",
                  ),
                },
                steady: { meta: mayLast("the machine tailnet has the details") },
              },
            },
            preferences: {
              initial: "kept",
              states: {
                awaitingInterface: {
                  meta: stuckAfter(
                    limits.interface,
                    "no interface of the node has its tailnet address: it is not logged in",
                  ),
                  always: { guard: "hasTerms", target: "kept" },
                },
                entering: {
                  meta: stuckAfter(limits.enter, "what the guard needs to know cannot be stored"),
                  invoke: {
                    src: "enter",
                    input: ({ context }) => ({ terms: termsOf(context) }),
                    onDone: {
                      target: "kept",
                      actions: { type: "noteOffered", params: ({ event }) => event.output },
                    },
                    onError: { target: "backingOff", actions: keepError },
                  },
                },
                // What peers send must find the guard in its place, and so must what others announce.
                awaitingGuard: {
                  meta: stuckAfter(limits.guard, "the node's rules are not in the desired state: see guard"),
                  entry: "offerTerms",
                  on: { "tailnetNamespace.held": { target: "kept", actions: "noteHeld" } },
                  always: { guard: "termsDiffer", target: "entering" },
                },
                editing: {
                  meta: stuckAfter(limits.edit, "the node's tailscaled does not accept our prefixes"),
                  // Also where it fails once it is made.
                  entry: "noteUnasked",
                  invoke: {
                    src: "edit",
                    input: ({ context: { wanted } }) => ({ prefixes: wanted.advertiseRoutes }),
                    onDone: {
                      target: "asking",
                      actions: { type: "noteEdited", params: ({ event }) => event.output },
                    },
                    onError: [
                      {
                        guard: { type: "isUnguardedAtBoot", params: ({ event }) => toFailure(event.error) },
                        target: "awaitingBootUnit",
                        actions: keepError,
                      },
                      { target: "backingOff", actions: keepError },
                    ],
                  },
                },
                awaitingBootUnit: {
                  meta: stuckAfter(
                    limits.again,
                    "nothing loads HeadCNI's rules at boot (headcni-guard.service): no routes are accepted",
                    "warn",
                  ),
                  after: { again: "kept" },
                },
                // Headscale 0.29 tells everybody but this node itself what it serves, until it is asked anew.
                asking: {
                  meta: stuckAfter(
                    limits.ask,
                    "the node's tailscaled does not ask Headscale which routes it serves",
                  ),
                  invoke: {
                    src: "recheck",
                    onDone: { target: "resting", actions: "noteAsked" },
                    onError: { target: "backingOff", actions: keepError },
                  },
                },
                // Whoever undoes it each time gets no more than one edit a second.
                resting: {
                  meta: stuckAfter(limits.rest, "the preferences were just edited"),
                  after: { rest: "kept" },
                },
                kept: {
                  meta: mayLast("the node's tailscaled announces our prefixes and accepts routes"),
                  always: [
                    { guard: not("hasTerms"), target: "awaitingInterface" },
                    { guard: "termsDiffer", target: "entering" },
                    { guard: not("isHeld"), target: "awaitingGuard" },
                    { guard: "wantsEdit", target: "editing" },
                    { guard: not("isAsked"), target: "asking" },
                  ],
                },
                backingOff: {
                  meta: stuckAfter(
                    limits.again,
                    "the node's tailscaled does not accept our prefixes, or does not ask Headscale which routes it serves",
                    "warn",
                  ),
                  after: { again: "kept" },
                },
              },
            },
          },
        },
      },
    },
  },
});
