import { not } from "xstate";
import { toFailure } from "../../src/domain/failure.ts";
import { noTailnet, onlineAddresses } from "../../src/domain/tailnet-phase.ts";
import { tailscaleLimits as limits, rejoin, restart, tailscaleSetup } from "./tailscale-setup.ts";

const keepError = {
  type: "keepFailure",
  params: ({ event }: { readonly event: { readonly error: unknown } }) => toFailure(event.error),
} as const;

/**
 * Our tailscaled in X. It outlives the daemon: a running one is adopted, a dead one started again. Losing control is no reason
 * to touch it: what runs keeps running on the last netmap.
 */
export const tailscaleMachine = tailscaleSetup.createMachine({
  id: "tailscale",
  context: ({ input }) => ({
    ...input,
    status: noTailnet,
    arrival: "adopted",
    greeted: {},
    greeting: false,
    seen: false,
    reportedUp: false,
    refusal: "",
    failures: 0,
    failure: null,
    attempt: 0,
  }),
  initial: "adopting",
  on: { "tailscale.stop": ".stopping" },
  states: {
    adopting: {
      meta: { limit: { ms: limits.find, means: "/proc does not answer" } },
      invoke: {
        src: "find",
        onDone: [
          {
            guard: { type: "foundWithWire", params: ({ event }) => ({ found: event.output }) },
            target: "entering",
            actions: { type: "takeFound", params: ({ event }) => event.output ?? { pid: 0, startTime: "" } },
          },
          { guard: "launchedByWire", target: "awaitingWire" },
          {
            guard: { type: "found", params: ({ event }) => ({ found: event.output }) },
            target: "attending",
            actions: { type: "adopt", params: ({ event }) => event.output ?? { pid: 0, startTime: "" } },
          },
          { target: "starting" },
        ],
        onError: { target: "restarting", actions: keepError },
      },
    },
    awaitingWire: {
      meta: {
        limit: {
          ms: limits.away,
          means: "headcni-wire does not run tailscaled on this node: see the reason on /ready and its log",
        },
        log: "warn",
      },
      invoke: {
        src: "seekWire",
        onError: { target: "restarting", actions: keepError },
      },
      on: {
        "wire.found": {
          target: "entering",
          actions: { type: "takeFound", params: ({ event }) => event.process },
        },
        "wire.missed": { actions: { type: "noteMissed", params: ({ event }) => event.failure } },
      },
    },
    entering: {
      meta: { limit: { ms: limits.enter, means: "the tailnet namespace of headcni-wire cannot be opened" } },
      invoke: {
        src: "enter",
        onDone: { target: "attending", actions: "reportEntered" },
        onError: { target: "restarting", actions: keepError },
      },
    },
    starting: {
      meta: { limit: { ms: limits.start, means: "tailscaled was started and does not answer" } },
      invoke: {
        src: "start",
        onDone: {
          target: "attending",
          actions: [{ type: "takeNew", params: ({ event }) => event.output }, "reportStarted"],
        },
        onError: { target: "restarting", actions: keepError },
      },
    },
    attending: {
      invoke: [
        {
          src: "feed",
          input: ({ context, self }) => ({
            process: context.process ?? { pid: 0, startTime: "" },
            wanted: context.wanted,
            parent: self,
          }),
          onDone: "restarting",
          onError: { target: "restarting", actions: keepError },
        },
        {
          src: "greeter",
          id: "greeter",
          onError: { actions: keepError },
        },
      ],
      on: {
        "tailnet.read": {
          actions: [{ type: "keepStatus", params: ({ event }) => event.status }, "greetNew"],
        },
        "peers.greeted": { actions: "endGreeting" },
        // The session with a peer that restarted is dropped when Headscale tells its new key, and only here.
        "peers.renewed": { actions: { type: "greetAgain", params: ({ event }) => event.nodeIds } },
      },
      initial: "examining",
      states: {
        examining: {
          meta: { limit: { ms: limits.look, means: "tailscaled does not answer on its socket" } },
          on: {
            "tailnet.read": {
              target: "connecting",
              actions: [{ type: "keepStatus", params: ({ event }) => event.status }, "greetNew"],
            },
          },
        },
        needsLogin: {
          meta: {
            limit: { ms: limits.away, means: "Headscale takes no login of this node: /ready says why" },
          },
          entry: "forgetRefusal",
          exit: "reportLoginEnded",
          invoke: {
            src: "login",
            id: "login",
            input: ({ context: { wanted, authKeyFrom, headscale }, self }) => ({
              wanted,
              authKeyFrom,
              headscale,
              parent: self,
            }),
            onError: { target: "connecting", actions: keepError },
          },
          on: {
            "tailnet.read": {
              actions: [
                { type: "keepStatus", params: ({ event }) => event.status },
                { type: "tellLogin", params: ({ event }) => event.status.loginError },
                "reportLoginWanted",
              ],
            },
            "credentials.replaced": { actions: "offerCredentials" },
          },
          initial: "judging",
          states: {
            judging: { always: [{ guard: "forgotten", target: "forgotten" }, { target: "outside" }] },
            outside: {
              meta: {
                limit: { ms: limits.away, means: "this node is not in the tailnet: see the login" },
                log: "warn",
              },
              entry: [{ type: "reportDown", params: "NEEDS_LOGIN" }, "reportLoginWanted"],
              always: [
                { guard: "forgotten", target: "forgotten" },
                {
                  guard: not("needsLogin"),
                  target: "#tailscale.attending.connecting",
                  actions: ["noteJoining", "greetNew"],
                },
              ],
            },
            // tailscaled goes on with its last netmap, but peers that were told of a deletion have dropped this node. While a
            // login is tried it looks as if control were away.
            forgotten: {
              meta: {
                limit: { ms: limits.selfCheck, means: "Headscale does not know this node any more" },
                log: "warn",
              },
              entry: "reportLoginWanted",
              invoke: {
                src: "checkPeers",
                input: ({ context }) => ({ addresses: onlineAddresses(context.status) }),
                onDone: [
                  {
                    guard: { type: "peersAnswer", params: ({ event }) => ({ answered: event.output }) },
                    actions: "reportUp",
                  },
                  { actions: { type: "reportDown", params: "NEEDS_LOGIN" } },
                ],
                onError: { actions: keepError },
              },
              after: { selfCheck: { target: "forgotten", reenter: true } },
              on: {
                "login.unanswered": { guard: "offline", target: "#tailscale.attending.connecting" },
              },
              always: [
                { guard: "needsLogin", target: "outside" },
                {
                  guard: "answers",
                  target: "#tailscale.attending.connecting",
                  actions: ["noteJoining", "greetNew"],
                },
              ],
            },
          },
        },
        connecting: {
          initial: "reconciling",
          always: { guard: "wantsLogin", target: "needsLogin" },
          states: {
            reconciling: {
              meta: { limit: { ms: limits.look, means: "tailscaled does not take its preferences" } },
              invoke: {
                src: "reconcile",
                input: ({ context }) => ({ wanted: context.wanted }),
                onDone: "awaiting",
                onError: { target: "pausing", actions: keepError },
              },
            },
            pausing: {
              meta: { limit: { ms: limits.pause, means: "tailscaled refused its preferences" }, log: "warn" },
              after: { pause: "reconciling" },
            },
            awaiting: {
              meta: { limit: { ms: limits.netmap, means: "tailscaled has no netmap yet" } },
              always: [
                { guard: "online", target: "#tailscale.attending.greeting" },
                { guard: "offline", target: "#tailscale.attending.greeting" },
              ],
              after: { netmap: "rejoining" },
            },
            rejoining: {
              meta: {
                limit: { ms: limits.away, means: "without Headscale tailscaled has no netmap" },
                log: "warn",
              },
              invoke: {
                src: "rejoin",
                onDone: "awaiting",
                onError: { target: "awaiting", actions: keepError },
              },
              always: [
                { guard: "online", target: "awaiting" },
                { guard: "offline", target: "awaiting" },
              ],
            },
          },
        },
        // Packets before a path is open cost WireGuard's first handshake: 5 s, and after a restart 15 s.
        greeting: {
          meta: { limit: { ms: limits.greet, means: "peers that are online do not answer pings" } },
          always: { guard: not("greeting"), target: "up" },
          after: { greet: "up" },
        },
        up: {
          initial: "resting",
          entry: ["reportUp", "forgetAttempts", "forgetFailures"],
          always: [
            { guard: "wantsLogin", target: "needsLogin" },
            { guard: "offline", target: "degraded" },
            {
              guard: not("online"),
              target: "connecting",
              actions: { type: "reportDown", params: "NOT_RUNNING" },
            },
          ],
          states: {
            resting: {
              meta: { limit: "none", because: "the tailnet stands", log: "info" },
              after: { selfCheck: "checking" },
            },
            // Headscale 0.29 leaves a deleted node's map poll open: only its peers' silence tells.
            checking: {
              meta: { limit: { ms: limits.check, means: "pings to peers do not end" } },
              invoke: {
                src: "checkPeers",
                input: ({ context }) => ({ addresses: onlineAddresses(context.status) }),
                onDone: [
                  {
                    guard: { type: "peersAnswer", params: ({ event }) => ({ answered: event.output }) },
                    target: "resting",
                    actions: "forgetAttempts",
                  },
                  { guard: "silentBefore", target: "rechecking" },
                  { target: "resting", actions: "countAttempt" },
                ],
                onError: { target: "resting", actions: keepError },
              },
            },
            rechecking: {
              meta: {
                limit: { ms: limits.look, means: "no peer answers, and tailscaled neither" },
                log: "warn",
              },
              invoke: {
                src: "recheck",
                onDone: { target: "resting", actions: "forgetAttempts" },
                onError: { target: "resting", actions: keepError },
              },
            },
          },
        },
        degraded: {
          initial: "waiting",
          entry: ["reportUp", "forgetAttempts"],
          always: [
            { guard: "wantsLogin", target: "needsLogin" },
            // Keys of before the outage may have been told first, and again dropped sessions.
            {
              guard: "online",
              target: "up",
              actions: {
                type: "greetAgain",
                params: ({ context }) => context.status.peers.map(({ nodeId }) => nodeId),
              },
            },
            {
              guard: not("offline"),
              target: "connecting",
              actions: { type: "reportDown", params: "NOT_RUNNING" },
            },
          ],
          states: {
            waiting: {
              // Control was away before this daemon was there: that is no short loss, and the others may return at the next tick.
              always: { guard: "adoptedAway", target: "rejoining" },
              meta: {
                limit: { ms: limits.lossConfirm, means: "tailscaled comes back from short losses itself" },
              },
              after: { lossConfirm: "rejoining" },
            },
            rejoining: {
              meta: {
                limit: {
                  ms: limits.away,
                  means: "Headscale is away; what runs keeps running on the last netmap",
                },
                log: "warn",
              },
              invoke: {
                src: "rejoin",
                onDone: { target: "settling", actions: "countAttempt" },
                onError: {
                  target: "settling",
                  actions: [
                    "countAttempt",
                    { type: "keepFailure", params: ({ event }) => toFailure(event.error) },
                  ],
                },
              },
            },
            settling: {
              meta: {
                limit: { ms: rejoin.mostMs, means: "Headscale answers but does not take this node back" },
              },
              after: { rejoinPause: "rejoining" },
            },
          },
        },
      },
    },
    restarting: {
      meta: { limit: { ms: restart.mostMs, means: "tailscaled does not stay up" }, log: "warn" },
      entry: [{ type: "reportDown", params: "EXITED" }, "forgetStatus", "countFailure"],
      after: { restart: "adopting" },
    },
    stopping: {
      meta: { limit: { ms: limits.stop, means: "tailscaled does not end" }, log: "info" },
      entry: { type: "reportDown", params: "STOPPING" },
      on: { "tailscale.stop": {} },
      invoke: {
        src: "stop",
        onDone: "stopped",
        onError: { target: "stopped", actions: keepError },
      },
    },
    stopped: { type: "final", entry: ["forgetStatus", "reportStopped"] },
  },
});
