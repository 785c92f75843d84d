import { assign, enqueueActions, sendTo, setup } from "xstate";
import { backoffDelay } from "../../src/domain/backoff.ts";
import type { Failure } from "../../src/domain/failure.ts";
import { noTailnet, peersToGreet, peersToGreetAgain, tailnetPhase } from "../../src/domain/tailnet-phase.ts";
import type { TailnetStatus } from "../../src/domain/tailnet-status.ts";
import { notProvided } from "../support/not-provided.ts";
import { notProvidedSource } from "../support/not-provided-source.ts";
import type { StateMeta } from "../support/state-limit.ts";
import { tailnetFeedMachine } from "./tailnet-feed-machine.ts";
import { tailnetLoginMachine } from "./tailnet-login-machine.ts";
import type {
  GreeterEvent,
  TailscaleArrival,
  TailscaleDownReason,
  TailscaledIdentity,
  TailscaleEvent,
  TailscaleInput,
  TailscaleReport,
  WantedTailnet,
} from "./tailscale-types.ts";

interface TailscaleContext extends TailscaleInput {
  readonly process?: TailscaledIdentity;
  readonly status: TailnetStatus;
  readonly arrival: TailscaleArrival;
  /** Peers by node id that need no greeting any more. */
  readonly greeted: Readonly<Record<string, true>>;
  readonly greeting: boolean;
  /** A netmap was seen since this tailscaled was started or adopted: peers that come after it are newcomers. */
  readonly seen: boolean;
  /** What the root was told last: `tailscale.up`, or not. */
  readonly reportedUp: boolean;
  /** Failed starts and deaths in a row without having been up. */
  readonly failures: number;
  /** Self-checks in a row in which no online peer answered, or attempts to come back to control. */
  readonly attempt: number;
  /** Headscale's last refusal of the login it wants; empty while there is none. */
  readonly refusal: string;
  readonly failure: Failure | null;
}

/** Limits of the states, in ms: for `meta` and for `after` alike. */
export const tailscaleLimits = {
  find: 5000,
  enter: 5000,
  start: 20_000,
  look: 12_000,
  pause: 1000,
  netmap: 5000,
  greet: 3000,
  selfCheck: 60_000,
  check: 12_000,
  lossConfirm: 500,
  away: 60_000,
  stop: 15_000,
};
/** Wait between path and session when greeting, in ms (see GreeterEvent), by our arrival, and for newcomers. */
const settle = { adopted: 0, restarted: 0, joined: 400, newcomer: 300 };
export const restart = { firstMs: 100, mostMs: 30_000 };
export const rejoin = { firstMs: 5000, mostMs: 60_000 };

/** Vocabulary of the tailscale machine: what its chart in tailscale-machine.ts is written with. */
export const tailscaleSetup = setup({
  types: {
    input: {} as TailscaleInput,
    context: {} as TailscaleContext,
    events: {} as TailscaleEvent,
    meta: {} as StateMeta,
  },
  actors: {
    find: notProvided<TailscaledIdentity | undefined, void>("tailscale.find"),
    start: notProvided<TailscaledIdentity, void>("tailscale.start"),
    /** Looks for headcni-wire until it finds it with a tailscaled; sends `wire.found` and `wire.missed`. */
    seekWire: notProvidedSource<TailscaleEvent, undefined>("tailscale.seekWire"),
    /** Opens the X that headcni-wire made. */
    enter: notProvided<void, void>("tailscale.enter"),
    reconcile: notProvided<void, { readonly wanted: WantedTailnet }>("tailscale.reconcile"),
    feed: tailnetFeedMachine,
    login: tailnetLoginMachine,
    /** Pings what `peers.greet` names until it answers or is given up, many at once; then sends `peers.greeted`. */
    greeter: notProvidedSource<GreeterEvent, undefined>("tailscale.greeter"),
    /** Pings a few of the peers; true when one answered. */
    checkPeers: notProvided<boolean, { readonly addresses: readonly string[] }>("tailscale.checkPeers"),
    /** Asks Headscale again with the key there is, which leaves the data plane as it is. */
    recheck: notProvided<void, void>("tailscale.recheck"),
    /** Resolves once Headscale answers and was asked to take this node back at the moment all nodes choose. */
    rejoin: notProvided<void, void>("tailscale.rejoin"),
    stop: notProvided<void, void>("tailscale.stop"),
  },
  actions: {
    adopt: assign((_, process: TailscaledIdentity) => ({
      process,
      arrival: "adopted" as const,
      greeted: {},
      seen: false,
    })),
    takeNew: assign((_, process: TailscaledIdentity) => ({
      process,
      arrival: "restarted" as const,
      greeted: {},
      seen: false,
    })),
    /** Of headcni-wire: paths stand only where a daemon has opened them. */
    takeFound: assign((_, { attended, ...process }: TailscaledIdentity) => ({
      process,
      arrival: attended === false ? ("restarted" as const) : ("adopted" as const),
      greeted: {},
      seen: false,
    })),
    noteMissed: enqueueActions(({ context, enqueue }, failure: Failure) => {
      enqueue.assign({ failure });
      enqueue.sendTo(context.parent, {
        type: "tailscale.down",
        reason: failure.code,
      } satisfies TailscaleReport);
      // With the launcher alive X stands, and the guard holds it.
      if (failure.code !== "TAILSCALED_AWAY")
        enqueue.sendTo(context.parent, { type: "tailscale.left" } satisfies TailscaleReport);
    }),
    reportEntered: sendTo(({ context }) => context.parent, { type: "tailscale.entered" }),
    /** After a login Headscale may give the numbers of former peers to others. */
    noteJoining: assign({ arrival: "joined", greeted: {}, seen: false }),
    reportStarted: sendTo(({ context }) => context.parent, { type: "tailscale.started" }),
    keepStatus: enqueueActions(({ context, enqueue }, status: TailnetStatus) => {
      enqueue.assign({ status });
      // While paths are being opened nobody shall send packets yet: see `greeting`.
      if (context.reportedUp || !hasPaths(status))
        enqueue.sendTo(context.parent, { type: "tailscale.changed", status } satisfies TailscaleReport);
    }),
    /** Opens paths to peers that are new since the last time. */
    greetNew: enqueueActions(({ context, enqueue }) => {
      const { status } = context;
      if (!hasPaths(status)) return;
      const { online, offline } = peersToGreet(status, context.greeted);
      const names = Object.fromEntries(status.peers.map(({ nodeId }) => [nodeId, true as const]));
      enqueue.assign({ seen: true, greeted: { ...context.greeted, ...names } });
      // The paths of an adopted tailscaled stand.
      if (context.arrival === "adopted" && !context.seen) return;
      const settleMs = context.seen ? settle.newcomer : settle[context.arrival];
      if (online.length > 0) {
        enqueue.assign({ greeting: true });
        enqueue.sendTo("greeter", { type: "peers.greet", addresses: online, settleMs, awaited: true });
      }
      // Headscale tells of a new node up to a second before it calls it online; nodes that were away greet on their return.
      if (offline.length > 0 && (context.seen || context.arrival === "joined"))
        enqueue.sendTo("greeter", { type: "peers.greet", addresses: offline, settleMs, awaited: false });
    }),
    forgetStatus: enqueueActions(({ context, enqueue }) => {
      enqueue.assign({ status: noTailnet, greeting: false });
      enqueue.sendTo(context.parent, {
        type: "tailscale.changed",
        status: noTailnet,
      } satisfies TailscaleReport);
    }),
    endGreeting: assign({ greeting: false }),
    greetAgain: enqueueActions(({ context: { status, greeted }, enqueue }, nodeIds: readonly string[]) => {
      const addresses = peersToGreetAgain(status, greeted, nodeIds);
      if (addresses.length > 0)
        enqueue.sendTo("greeter", { type: "peers.greetAgain", addresses } satisfies GreeterEvent);
    }),
    tellLogin: enqueueActions(({ enqueue }, text: string) => {
      if (text !== "") enqueue.sendTo("login", { type: "login.refused", text });
    }),
    forgetRefusal: assign({ refusal: "" }),
    reportLoginWanted: enqueueActions(({ context, enqueue }) => {
      const { loginError, backendState } = context.status;
      const refusal = loginError === "" ? context.refusal : loginError;
      enqueue.assign({ refusal });
      enqueue.sendTo(context.parent, {
        type: "tailscale.loginWanted",
        forgotten: backendState === "Running",
        refusal,
      } satisfies TailscaleReport);
    }),
    reportLoginEnded: sendTo(({ context }) => context.parent, { type: "tailscale.loginEnded" }),
    offerCredentials: sendTo("login", { type: "credentials.replaced" }),
    reportUp: enqueueActions(({ context, enqueue }) => {
      if (context.reportedUp) return;
      enqueue.assign({ reportedUp: true });
      const { parent, status } = context;
      enqueue.sendTo(parent, { type: "tailscale.changed", status } satisfies TailscaleReport);
      enqueue.sendTo(parent, { type: "tailscale.up" } satisfies TailscaleReport);
    }),
    reportDown: enqueueActions(({ context, enqueue }, reason: TailscaleDownReason) => {
      if (!context.reportedUp) return;
      enqueue.assign({ reportedUp: false });
      enqueue.sendTo(context.parent, { type: "tailscale.down", reason } satisfies TailscaleReport);
    }),
    reportStopped: sendTo(({ context }) => context.parent, { type: "tailscale.stopped" }),
    keepFailure: assign({ failure: (_, failure: Failure) => failure }),
    countFailure: assign({ failures: ({ context }) => context.failures + 1 }),
    countAttempt: assign({ attempt: ({ context }) => context.attempt + 1 }),
    forgetAttempts: assign({ attempt: 0 }),
    forgetFailures: assign({ failure: null, failures: 0 }),
  },
  guards: {
    found: (_, params: { readonly found: TailscaledIdentity | undefined }) => params.found !== undefined,
    foundWithWire: ({ context }, params: { readonly found: TailscaledIdentity | undefined }) =>
      params.found !== undefined && context.launcher === "wire",
    launchedByWire: ({ context }) => context.launcher === "wire",
    peersAnswer: (_, params: { readonly answered: boolean }) => params.answered,
    needsLogin: ({ context }) => tailnetPhase(context.status) === "needsLogin",
    forgotten: ({ context }) => tailnetPhase(context.status) === "forgotten",
    wantsLogin: ({ context }) => ["needsLogin", "forgotten"].includes(tailnetPhase(context.status)),
    /** Neither unknown to control nor without it. */
    answers: ({ context }) => !["needsLogin", "forgotten", "offline"].includes(tailnetPhase(context.status)),
    online: ({ context }) => tailnetPhase(context.status) === "online",
    offline: ({ context }) => tailnetPhase(context.status) === "offline",
    greeting: ({ context }) => context.greeting,
    adoptedAway: ({ context }) => context.arrival === "adopted" && !context.status.fresh,
    silentBefore: ({ context }) => context.attempt > 0,
  },
  delays: {
    ...tailscaleLimits,
    restart: ({ context }) => backoffDelay(context.failures - 1, restart, context.wanted.hostname),
    rejoinPause: ({ context }) => backoffDelay(context.attempt, rejoin, context.wanted.hostname),
  },
});

function hasPaths(status: TailnetStatus): boolean {
  return ["online", "offline"].includes(tailnetPhase(status));
}
