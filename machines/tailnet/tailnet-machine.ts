import { not } from "xstate";
import { noTailnet, onlineAddresses } from "../../src/domain/tailnet/tailnet-phase.ts";
import type { TailnetStatus } from "../../src/domain/tailnet/tailnet-status.ts";
import { keepError } from "../support/keep-failure.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import { tailnetLimits as limits, tailnetSetup } from "./tailnet-setup.ts";

const keepStatus = {
  type: "keepStatus",
  params: ({ event }: { readonly event: { readonly status: TailnetStatus } }) => event.status,
} as const;
const read = [keepStatus, "greetNew"] as const;
const joined = { target: "#tailnet.connecting", actions: ["noteJoining", "greetNew"] } as const;

/**
 * The session with one tailscaled, from its first answer to its end. It alone hears that process' bus and tells health and
 * routes of it, so what it told is over with it.
 */
export const tailnetMachine = tailnetSetup.createMachine({
  id: "tailnet",
  context: ({ input }) => ({
    ...input,
    status: noTailnet,
    greeted: {},
    greetings: 0,
    seen: false,
    controlled: null,
    identity: "",
    told: null,
    refusal: "",
    silentChecks: 0,
    failure: null,
  }),
  invoke: [
    {
      src: "feed",
      id: "feed",
      input: ({ context: { process, wanted }, self }) => ({ process, wanted, parent: self }),
      onDone: ".ended",
      onError: { target: ".ended", actions: keepError },
    },
    { src: "greeter", id: "greeter", onError: { actions: keepError } },
  ],
  on: {
    "tailnet.read": { actions: read },
    "peers.greeted": { actions: "endGreeting" },
    // The session with a peer that restarted is dropped when Headscale tells its new key, and only here.
    "peers.renewed": { actions: { type: "greetAgain", params: ({ event }) => event.nodeIds } },
  },
  options: { maxIterations: 1_000 },
  initial: "examining",
  states: {
    examining: {
      meta: stuckAfter(limits.look, "tailscaled does not answer on its socket"),
      on: { "tailnet.read": { target: "connecting", actions: read } },
    },
    needsLogin: {
      meta: stuckAfter(limits.away, "Headscale accepts no login of this node: /ready says why"),
      entry: ["forgetRefusal", "reportSettled"],
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
            keepStatus,
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
          meta: stuckAfter(limits.away, "this node is not in the tailnet: see the login", "warn"),
          entry: [{ type: "reportDown", params: "NEEDS_LOGIN" }, "reportLoginWanted"],
          always: [
            { guard: "forgotten", target: "forgotten" },
            { guard: not("needsLogin"), ...joined },
          ],
        },
        // tailscaled continues with its last netmap, but peers that were told of a deletion have dropped this node. While a
        // login is tried it looks as if control were away.
        forgotten: {
          meta: stuckAfter(limits.selfCheck, "Headscale no longer knows this node", "warn"),
          entry: "reportLoginWanted",
          invoke: {
            src: "checkPeers",
            input: ({ context }) => ({ addresses: onlineAddresses(context.status) }),
            onDone: [
              {
                guard: { type: "peersAnswer", params: ({ event }) => event.output },
                actions: ["reportUp", "forgetFailure"],
              },
              { actions: [{ type: "reportDown", params: "NEEDS_LOGIN" }, "forgetFailure"] },
            ],
            onError: { actions: keepError },
          },
          after: { selfCheck: { target: "forgotten", reenter: true } },
          on: { "login.unanswered": { guard: "offline", target: "#tailnet.connecting" } },
          always: [
            { guard: "needsLogin", target: "outside" },
            { guard: "answers", ...joined },
          ],
        },
      },
    },
    connecting: {
      initial: "awaiting",
      always: [
        { guard: "wantsLogin", target: "needsLogin" },
        { guard: "hasPaths", target: "greeting" },
      ],
      states: {
        awaiting: {
          meta: stuckAfter(limits.netmap, "tailscaled has no netmap yet"),
          after: { netmap: "rejoining" },
        },
        rejoining: {
          meta: stuckAfter(limits.away, "without Headscale tailscaled has no netmap", "warn"),
          entry: { type: "reportDown", params: "NOT_RUNNING" },
          invoke: {
            src: "rejoin",
            input: ({ context: { wanted } }) => ({ hostname: wanted.hostname }),
            onError: { target: "awaiting", actions: keepError },
          },
        },
      },
    },
    // Packets before a path is open cost WireGuard's first handshake: 5 s, and after a restart 15 s.
    greeting: {
      meta: stuckAfter(limits.greet, "peers that are online do not answer pings"),
      always: { guard: not("greeting"), target: "up" },
      after: { greet: "up" },
    },
    up: {
      initial: "resting",
      entry: ["reportUp", "endSilence", "forgetFailure", "reportSettled"],
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
          meta: mayLast("the tailnet is up", "info"),
          after: { selfCheck: "checking" },
        },
        // Headscale 0.29 leaves a deleted node's map poll open: only its peers' silence tells.
        checking: {
          meta: stuckAfter(limits.check, "pings to peers do not end"),
          invoke: {
            src: "checkPeers",
            input: ({ context }) => ({ addresses: onlineAddresses(context.status) }),
            onDone: [
              {
                guard: { type: "peersAnswer", params: ({ event }) => event.output },
                target: "resting",
                actions: ["endSilence", "forgetFailure"],
              },
              { guard: "silentBefore", target: "rechecking" },
              { target: "resting", actions: ["countSilence", "forgetFailure"] },
            ],
            onError: { target: "resting", actions: keepError },
          },
        },
        rechecking: {
          meta: stuckAfter(limits.look, "neither peers nor tailscaled answer", "warn"),
          invoke: {
            src: "recheck",
            onDone: { target: "resting", actions: ["endSilence", "forgetFailure"] },
            onError: { target: "resting", actions: keepError },
          },
        },
      },
    },
    degraded: {
      initial: "awaitingReconnect",
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
        awaitingReconnect: {
          // Control was away before this daemon was there: that is no short loss, and the others may return at the next tick.
          always: { guard: "adoptedAway", target: "rejoining" },
          meta: stuckAfter(limits.lossConfirm, "tailscaled reconnects by itself after a short loss"),
          after: { lossConfirm: "rejoining" },
        },
        rejoining: {
          meta: stuckAfter(
            limits.away,
            "Headscale is unreachable; running pods keep working with the last netmap",
            "warn",
          ),
          invoke: {
            src: "rejoin",
            input: ({ context: { wanted } }) => ({ hostname: wanted.hostname }),
            onError: { target: "awaitingReconnect", actions: keepError },
          },
        },
      },
    },
    ended: { type: "final" },
  },
});
