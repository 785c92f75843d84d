import { assign, sendTo, setup } from "xstate";
import { type Failure, toFailure } from "../../src/domain/failure.ts";
import { notProvided } from "../support/not-provided.ts";
import type { Recipient } from "../support/recipient.ts";
import type { StateMeta } from "../support/state-limit.ts";

/** What the root learns: from now on the container runtime finds us. */
export type ReadinessReport = { readonly type: "readiness.published" };

export type ReadinessEvent =
  /** ADD can be served: the kernel is recovered and the guard holds. */
  | {
      readonly type: "readiness.serving";
      /** False when an earlier life proved this identity and pod CIDR, or the operator switched the proof off. */
      readonly proofNeeded: boolean;
      /** This node's pod CIDRs: part of what is proven. */
      readonly prefixes: readonly string[];
    }
  /** This node's own prefixes were proven to serve. */
  | { readonly type: "readiness.proven" };

export interface ReadinessInput {
  readonly parent: Recipient<ReadinessReport>;
}

interface ReadinessContext {
  readonly parent: Recipient<ReadinessReport>;
  readonly proven: boolean;
  readonly prefixes: readonly string[];
  readonly failure: Failure | null;
}

const limits = { serving: 20_000, proof: 60_000, recording: 5_000, publishing: 5_000, retry: 5_000 };

const keepPrefixes = {
  type: "keepPrefixes",
  params: ({ event }: { event: { readonly prefixes: readonly string[] } }) => event,
} as const;

/**
 * Decides when the container runtime may find this plugin: the conflist is written last, once ADD can be served and
 * the node's identity and pod CIDR were proven once (DESIGN section 5). It is never taken back: running pods need DEL.
 */
export const readinessMachine = setup({
  types: {
    context: {} as ReadinessContext,
    events: {} as ReadinessEvent,
    input: {} as ReadinessInput,
    meta: {} as StateMeta,
  },
  actors: {
    /** Remembers on disk that this identity was proven. */
    recordProof: notProvided<void, { readonly podCidrs: readonly string[] }>("readiness.recordProof"),
    /** Puts the conflist in place, atomically and only if its bytes differ. */
    publishConflist: notProvided<void, void>("readiness.publishConflist"),
  },
  actions: {
    keepPrefixes: assign({ prefixes: (_, params: { prefixes: readonly string[] }) => params.prefixes }),
    keepProof: assign({ proven: true }),
    keepFailure: assign({ failure: (_, params: { failure: Failure }) => params.failure }),
    forgetFailure: assign({ failure: null }),
    reportPublished: sendTo(({ context }) => context.parent, { type: "readiness.published" }),
  },
  guards: {
    proofNotNeeded: (_, params: { proofNeeded: boolean }) => !params.proofNeeded,
    alreadyProven: ({ context }) => context.proven,
  },
  delays: limits,
}).createMachine({
  id: "readiness",
  context: ({ input }) => ({ ...input, proven: false, prefixes: [], failure: null }),
  initial: "notServing",
  on: { "readiness.proven": { actions: "keepProof" } },
  states: {
    notServing: {
      meta: {
        limit: { ms: limits.serving, means: "ADD cannot be served yet: look at the guard and the pods" },
      },
      on: {
        "readiness.serving": [
          { guard: "alreadyProven", target: "recording", actions: keepPrefixes },
          {
            guard: {
              type: "proofNotNeeded",
              params: ({ event }) => ({ proofNeeded: event.proofNeeded }),
            },
            target: "publishing",
            actions: keepPrefixes,
          },
          { target: "awaitingProof", actions: keepPrefixes },
        ],
      },
    },
    awaitingProof: {
      meta: {
        limit: {
          ms: limits.proof,
          means: "this node never proved its route: look at the route and headscale machines",
        },
        log: "info",
      },
      on: {
        "readiness.proven": { target: "recording", actions: "keepProof" },
        // The operator switched the proof off meanwhile.
        "readiness.serving": {
          guard: {
            type: "proofNotNeeded",
            params: ({ event }) => ({ proofNeeded: event.proofNeeded }),
          },
          target: "publishing",
        },
      },
    },
    recording: {
      meta: { limit: { ms: limits.recording, means: "the state directory takes no writes" } },
      invoke: {
        src: "recordProof",
        input: ({ context }) => ({ podCidrs: context.prefixes }),
        onDone: "publishing",
        onError: {
          target: "backingOff",
          actions: { type: "keepFailure", params: ({ event }) => ({ failure: toFailure(event.error) }) },
        },
      },
      after: { recording: "backingOff" },
    },
    publishing: {
      meta: { limit: { ms: limits.publishing, means: "the CNI configuration directory takes no writes" } },
      invoke: {
        src: "publishConflist",
        onDone: { target: "published", actions: "forgetFailure" },
        onError: {
          target: "backingOff",
          actions: { type: "keepFailure", params: ({ event }) => ({ failure: toFailure(event.error) }) },
        },
      },
      after: { publishing: "backingOff" },
    },
    backingOff: {
      meta: {
        limit: { ms: limits.retry, means: "waits before it writes proof and conflist again" },
        log: "warn",
      },
      after: { retry: [{ guard: "alreadyProven", target: "recording" }, { target: "publishing" }] },
    },
    published: {
      meta: { limit: "none", because: "the conflist stays for as long as the node has pods", log: "info" },
      entry: "reportPublished",
    },
  },
});
