import { assign, enqueueActions, sendTo, setup } from "xstate";
import type { Failure } from "../../src/domain/failure.ts";
import { peersToGreet, peersToGreetAgain, tailnetPhase } from "../../src/domain/tailnet/tailnet-phase.ts";
import type { TailnetStatus } from "../../src/domain/tailnet/tailnet-status.ts";
import { keep } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided, notProvidedSource } from "../support/not-provided.ts";
import { rejoinMachine } from "./rejoin-machine.ts";
import type {
  GreeterEvent,
  SessionSettled,
  TailnetArrival,
  TailnetDownReason,
  TailnetEvent,
  TailnetInput,
} from "./tailnet-events.ts";
import { tailnetFeedMachine } from "./tailnet-feed-machine.ts";
import { tailnetLoginMachine } from "./tailnet-login-machine.ts";

interface TailnetContext extends Omit<TailnetInput, "arrival"> {
  readonly status: TailnetStatus;
  readonly arrival: TailnetArrival;
  /** The peers of the netmap, by node id: they need no greeting any more. */
  readonly greeted: Readonly<Record<string, true>>;
  /** Greetings whose end is awaited. */
  readonly greetings: number;
  /** A netmap was seen since the session began or this node joined: peers that come after it are newcomers. */
  readonly seen: boolean;
  /** tailscaled is in map poll with Headscale; null before it said so. */
  readonly controlled: boolean | null;
  /** As `node` was told last; empty before. */
  readonly identity: string;
  /** What `health` was told last: "" for `tailscale.up`, why it is down, or null before the first word. */
  readonly told: "" | TailnetDownReason | null;
  /** Self-checks in a row in which no online peer answered. */
  readonly silentChecks: number;
  /** Headscale's last refusal of the login it wants; empty while there is none. */
  readonly refusal: string;
  readonly failure: Failure | null;
}

/** Limits of the states, in ms: for `meta` and for `after` alike. */
export const tailnetLimits = {
  look: 12_000,
  netmap: 5000,
  greet: 3000,
  selfCheck: 60_000,
  check: 12_000,
  lossConfirm: 500,
  away: 60_000,
};
/** Wait between path and session when greeting, in ms (see GreeterEvent), by our arrival, and for newcomers. */
const settle = { adopted: 0, restarted: 0, joined: 400, newcomer: 300 };

/** Vocabulary of the tailnet machine: what its chart in tailnet-machine.ts is written with. */
export const tailnetSetup = setup({
  types: {} as MachineTypes & {
    input: TailnetInput;
    context: TailnetContext;
    events: TailnetEvent;
    children: { login: "login"; feed: "feed"; greeter: "greeter" };
  },
  actors: {
    feed: tailnetFeedMachine,
    login: tailnetLoginMachine,
    rejoin: rejoinMachine,
    /** Pings what `peers.greet` names until it answers or is given up, many at once; then sends `peers.greeted`. */
    greeter: notProvidedSource<GreeterEvent, undefined>("tailnet.greeter"),
    /** Pings a few of the peers; true when one answered. */
    checkPeers: notProvided<boolean, { readonly addresses: readonly string[] }>("tailnet.checkPeers"),
    /** Asks Headscale again with the key there is, which leaves the data plane as it is. */
    recheck: notProvided<void, void>("tailnet.recheck"),
  },
  actions: {
    /** After a login Headscale may give the numbers of former peers to others. */
    noteJoining: assign({ arrival: "joined", greeted: {}, seen: false }),
    keepStatus: enqueueActions(({ context, enqueue }, status: TailnetStatus) => {
      const controlled = status.self.online;
      enqueue.assign({ status });
      if (status.backendState !== "NoState" && controlled !== context.controlled) {
        enqueue.assign({ controlled });
        enqueue.sendTo(context.health, { type: controlled ? "control.restored" : "control.lost" });
      }
      // Without control it may be who this node was before somebody deleted it.
      const { nodeId } = status.self;
      if (controlled && context.node !== null && nodeId !== "" && nodeId !== context.identity) {
        enqueue.assign({ identity: nodeId });
        enqueue.sendTo(context.node, { type: "node.joined", nodeId });
      }
      // While paths are being opened nobody shall send packets yet: see `greeting`.
      if (context.told === "" || !hasPaths(status))
        enqueue.sendTo(context.routes, { type: "tailnet.changed", status });
    }),
    /** Opens paths to peers that are new since the last time. */
    greetNew: enqueueActions(({ context, enqueue }) => {
      const { status } = context;
      if (!hasPaths(status)) return;
      const { online, offline } = peersToGreet(status, context.greeted);
      const names = Object.fromEntries(status.peers.map(({ nodeId }) => [nodeId, true as const]));
      enqueue.assign({ seen: true, greeted: names });
      // The paths of an adopted tailscaled stand.
      if (context.arrival === "adopted" && !context.seen) return;
      const settleMs = context.seen ? settle.newcomer : settle[context.arrival];
      if (online.length > 0) {
        enqueue.assign({ greetings: context.greetings + 1 });
        enqueue.sendTo("greeter", { type: "peers.greet", addresses: online, settleMs, awaited: true });
      }
      // Headscale tells of a new node up to a second before it calls it online; nodes that were away greet on their return.
      if (offline.length > 0 && (context.seen || context.arrival === "joined"))
        enqueue.sendTo("greeter", { type: "peers.greet", addresses: offline, settleMs, awaited: false });
    }),
    endGreeting: assign({ greetings: ({ context }) => context.greetings - 1 }),
    greetAgain: enqueueActions(({ context: { status, greeted }, enqueue }, nodeIds: readonly string[]) => {
      const addresses = peersToGreetAgain(status, greeted, nodeIds);
      if (addresses.length > 0)
        // Their session may be gone on our side only: they would notice that after 15 s.
        enqueue.sendTo("greeter", { type: "peers.greet", addresses, settleMs: 0, awaited: false });
    }),
    tellLogin: enqueueActions(({ enqueue }, text: string) => {
      if (text !== "") enqueue.sendTo("login", { type: "login.refused", text });
    }),
    forgetRefusal: assign({ refusal: "" }),
    reportLoginWanted: enqueueActions(({ context, enqueue }) => {
      const { loginError, backendState } = context.status;
      const refusal = loginError === "" ? context.refusal : loginError;
      enqueue.assign({ refusal });
      enqueue.sendTo(context.health, {
        type: "tailscale.loginWanted",
        forgotten: backendState === "Running",
        refusal,
      });
    }),
    reportLoginEnded: sendTo(({ context }) => context.health, { type: "tailscale.loginEnded" }),
    offerCredentials: sendTo("login", { type: "credentials.replaced" }),
    reportUp: enqueueActions(({ context, enqueue }) => {
      if (context.told === "") return;
      enqueue.assign({ told: "" });
      enqueue.sendTo(context.routes, { type: "tailnet.changed", status: context.status });
      enqueue.sendTo(context.health, { type: "tailscale.up" });
    }),
    reportDown: enqueueActions(({ context, enqueue }, reason: TailnetDownReason) => {
      if (context.told === reason) return;
      enqueue.assign({ told: reason });
      enqueue.sendTo(context.health, { type: "tailscale.down", reason });
    }),
    reportSettled: sendTo(({ context }) => context.parent, {
      type: "session.settled",
    } satisfies SessionSettled),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    countSilence: assign({ silentChecks: ({ context }) => context.silentChecks + 1 }),
    endSilence: assign({ silentChecks: 0 }),
    forgetFailure: assign({ failure: null }),
  },
  guards: {
    peersAnswer: (_, answered: boolean) => answered,
    hasPaths: ({ context }) => hasPaths(context.status),
    needsLogin: ({ context }) => tailnetPhase(context.status) === "needsLogin",
    forgotten: ({ context }) => tailnetPhase(context.status) === "forgotten",
    wantsLogin: ({ context }) => ["needsLogin", "forgotten"].includes(tailnetPhase(context.status)),
    /** Neither unknown to control nor without it. */
    answers: ({ context }) => !["forgotten", "offline"].includes(tailnetPhase(context.status)),
    online: ({ context }) => tailnetPhase(context.status) === "online",
    offline: ({ context }) => tailnetPhase(context.status) === "offline",
    greeting: ({ context }) => context.greetings > 0,
    adoptedAway: ({ context }) => context.arrival === "adopted" && !context.status.fresh,
    silentBefore: ({ context }) => context.silentChecks > 0,
  },
  delays: tailnetLimits,
});

function hasPaths(status: TailnetStatus): boolean {
  return ["online", "offline"].includes(tailnetPhase(status));
}
