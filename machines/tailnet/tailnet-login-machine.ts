import { assign, enqueueActions, sendTo, setup } from "xstate";
import { backoffDelay } from "../../src/domain/backoff.ts";
import type { Failure } from "../../src/domain/failure.ts";
import type { AuthKeySource } from "../../src/domain/tailnet/login-problem.ts";
import type { AuthKeyReply, HeadscaleEvent } from "../headscale/headscale-jobs.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided } from "../support/not-provided.ts";
import type { Recipient } from "../support/recipient.ts";
import { stuckAfter } from "../support/state-limit.ts";
import type { TailnetEvent, WantedTailnet } from "./tailnet-events.ts";

export interface TailnetLoginInput {
  readonly wanted: WantedTailnet;
  readonly authKeyFrom: AuthKeySource;
  readonly headscale: Recipient<HeadscaleEvent>;
  readonly parent: Recipient<TailnetEvent>;
}

interface TailnetLoginContext extends TailnetLoginInput {
  readonly attempt: number;
  /** Another key came that no login has been tried with. */
  readonly replaced: boolean;
  readonly failure: Failure | null;
}

export type TailnetLoginEvent =
  | AuthKeyReply
  /** Headscale refused the registration, in its words. */
  | { readonly type: "login.refused"; readonly text: string }
  | { readonly type: "credentials.replaced" };

const limits = { look: 12_000, confirm: 2000, ask: 60_000, login: 15_000, register: 30_000, owner: 60_000 };
const unanswered: Failure = { code: "REGISTRATION_UNANSWERED", message: "Headscale did not take this node" };
const retry = { firstMs: 5000, maxMs: 300_000 };

/**
 * Logs tailscaled in with a pre-auth key, or waits for its owner to do so. It has no end of its own: its parent stops it once tailscaled is past NeedsLogin. A
 * refused key is tried again with growing waits, or another one at once, whenever it came.
 */
export const tailnetLoginMachine = setup({
  types: {} as MachineTypes & {
    input: TailnetLoginInput;
    context: TailnetLoginContext;
    events: TailnetLoginEvent;
  },
  actors: {
    hasNodeKey: notProvided<boolean, void>("tailnet.hasNodeKey"),
    /** With the key given, or with that of the configuration as it is now. */
    login: notProvided<void, { readonly wanted: WantedTailnet; readonly authKey?: string }>("tailnet.login"),
    /** Keeps tailscaled from repeating a refused login by itself, several times a second at first. */
    disconnectControl: notProvided<void, void>("tailnet.disconnectControl"),
  },
  actions: {
    askForKey: sendTo(
      ({ context }) => context.headscale,
      ({ self }): HeadscaleEvent => ({ type: "authKey.wanted", replyTo: self }),
    ),
    tellUnanswered: sendTo(({ context }) => context.parent, {
      type: "login.unanswered",
    } satisfies TailnetEvent),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    countAttempt: assign({ attempt: ({ context }) => context.attempt + 1 }),
    noteReplaced: assign({ attempt: 0, replaced: true }),
    forgetReplaced: assign({ replaced: false }),
  },
  guards: {
    is: (_, value: boolean) => value,
    replaced: ({ context }) => context.replaced,
    keyFromHeadscale: ({ context }) => context.authKeyFrom === "headscale",
    ownerLogsIn: ({ context }) => context.authKeyFrom === "owner",
  },
  delays: {
    confirm: limits.confirm,
    register: limits.register,
    backoff: ({ context }) => backoffDelay(context.attempt, retry, context.wanted.hostname),
  },
}).createMachine({
  id: "tailnetLogin",
  context: ({ input }) => ({ ...input, attempt: 0, replaced: false, failure: null }),
  options: { maxIterations: 1_000 },
  initial: "examining",
  on: { "credentials.replaced": { actions: "noteReplaced" } },
  states: {
    examining: {
      meta: stuckAfter(limits.look, "tailscaled does not answer on its socket"),
      entry: "forgetReplaced",
      invoke: {
        src: "hasNodeKey",
        onDone: [
          { guard: { type: "is", params: ({ event }) => event.output }, target: "confirming" },
          { target: "obtaining" },
        ],
        onError: { target: "backingOff", actions: keepError },
      },
    },
    // A node key is given up only when Headscale keeps asking: it may be in the middle of taking it.
    confirming: {
      meta: stuckAfter(limits.confirm, "Headscale no longer knows this node", "warn"),
      after: { confirm: "obtaining" },
    },
    obtaining: {
      // What came until here is the key that is tried now.
      entry: "forgetReplaced",
      always: [
        { guard: "keyFromHeadscale", target: "asking" },
        { guard: "ownerLogsIn", target: "awaitingOwner" },
        { target: "loggingIn" },
      ],
    },
    asking: {
      meta: stuckAfter(limits.ask, "Headscale's API creates no auth key for this node"),
      entry: "askForKey",
      on: {
        "authKey.granted": "loggingIn",
        "authKey.failed": {
          target: "backingOff",
          actions: { type: "keepFailure", params: ({ event }) => event.failure },
        },
      },
    },
    awaitingOwner: {
      meta: stuckAfter(limits.owner, "the owner of the node's tailscaled has to log it in", "warn"),
    },
    loggingIn: {
      meta: stuckAfter(limits.login, "tailscaled is slow to log in"),
      invoke: {
        src: "login",
        input: ({ context: { wanted }, event }) =>
          event.type === "authKey.granted" ? { wanted, authKey: event.authKey } : { wanted },
        onDone: "registering",
        onError: { target: "backingOff", actions: keepError },
      },
    },
    registering: {
      meta: stuckAfter(limits.register, "Headscale does not answer the registration"),
      on: {
        "login.refused": {
          target: "disconnectingControl",
          actions: {
            type: "keepFailure",
            params: ({ event }) => ({ code: "LOGIN_REFUSED", message: event.text }),
          },
        },
      },
      after: {
        register: {
          target: "disconnectingControl",
          actions: [{ type: "keepFailure", params: unanswered }, "tellUnanswered"],
        },
      },
    },
    disconnectingControl: {
      meta: stuckAfter(limits.look, "tailscaled does not answer on its socket"),
      invoke: {
        src: "disconnectControl",
        onDone: "backingOff",
        onError: { target: "backingOff", actions: keepError },
      },
    },
    backingOff: {
      meta: stuckAfter(retry.maxMs, "this node is not in the tailnet: see the login error", "error"),
      always: { guard: "replaced", target: "examining" },
      after: { backoff: { target: "examining", actions: "countAttempt" } },
    },
  },
});
