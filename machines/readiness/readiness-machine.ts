import { assign, enqueueActions, sendTo, setup } from "xstate";
import type { Failure } from "../../src/domain/failure.ts";
import { samePodCidrs } from "../../src/domain/kubernetes/node-pod-cidrs.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided } from "../support/not-provided.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import type { ReadinessEvent, ReadinessInput } from "./readiness-events.ts";

interface ReadinessContext extends ReadinessInput {
  /** Proven in this life. */
  readonly proven: boolean;
  readonly prefixes: readonly string[];
  readonly failure: Failure | null;
}

const limits = { serving: 20_000, proof: 60_000, recording: 5_000, publishing: 5_000, retry: 5_000 };

/**
 * Decides when the container runtime may find this plugin: the conflist is written last, once ADD can be served and
 * the node's identity and pod CIDR were proven once. It is never taken back: running pods need DEL.
 */
export const readinessMachine = setup({
  types: {} as MachineTypes & { input: ReadinessInput; context: ReadinessContext; events: ReadinessEvent },
  actors: {
    /** Remembers on disk that this identity was proven. */
    recordProof: notProvided<void, { readonly podCidrs: readonly string[] }>("readiness.recordProof"),
    /** Puts the conflist in place, atomically and only if its bytes differ. */
    publishConflist: notProvided<void, void>("readiness.publishConflist"),
  },
  actions: {
    keepPrefixes: assign({
      prefixes: (_, { prefixes }: { readonly prefixes: readonly string[] }) => prefixes,
    }),
    keepProof: assign({ proven: true }),
    keepWanted: assign({ proofWanted: (_, { wanted }: { readonly wanted: boolean }) => wanted }),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    forgetFailure: assign({ failure: null }),
    reportGiven: sendTo(({ context }) => context.health, { type: "proof.given" }),
    reportProof: sendTo(
      ({ context }) => context.health,
      ({ context }) => ({ type: mayPublish(context) ? ("proof.given" as const) : ("proof.wanted" as const) }),
    ),
  },
  guards: {
    mayPublish: ({ context }) => mayPublish(context),
    proven: ({ context }) => context.proven,
  },
  delays: limits,
}).createMachine({
  id: "readiness",
  context: ({ input }) => ({ ...input, proven: false, prefixes: [], failure: null }),
  options: { maxIterations: 1_000 },
  initial: "notServing",
  on: {
    "readiness.begun": {
      actions: [{ type: "keepPrefixes", params: ({ event }) => event }, "reportProof"],
    },
    "readiness.proven": { actions: "keepProof" },
    "readiness.proofWanted": { actions: { type: "keepWanted", params: ({ event }) => event } },
  },
  states: {
    notServing: {
      meta: stuckAfter(limits.serving, "ADD cannot be served yet: look at the guard and the pods"),
      on: { "readiness.serving": "awaitingProof" },
    },
    awaitingProof: {
      meta: stuckAfter(
        limits.proof,
        "this node never proved its route: look at the route and headscale machines",
        "info",
      ),
      always: [
        { guard: "proven", target: "recording" },
        { guard: "mayPublish", target: "publishing" },
      ],
    },
    recording: {
      meta: stuckAfter(limits.recording, "the state directory is not writable"),
      invoke: {
        src: "recordProof",
        input: ({ context }) => ({ podCidrs: context.prefixes }),
        onDone: "publishing",
        onError: { target: "backingOff", actions: keepError },
      },
      after: { recording: "backingOff" },
    },
    publishing: {
      meta: stuckAfter(limits.publishing, "the CNI configuration directory is not writable"),
      invoke: {
        src: "publishConflist",
        onDone: { target: "published", actions: "forgetFailure" },
        onError: { target: "backingOff", actions: keepError },
      },
      after: { publishing: "backingOff" },
    },
    backingOff: {
      meta: stuckAfter(limits.retry, "waits before it writes proof and conflist again", "warn"),
      after: { retry: [{ guard: "proven", target: "recording" }, { target: "publishing" }] },
    },
    published: {
      meta: mayLast("the conflist stays for as long as the node has pods", "info"),
      entry: "reportGiven",
    },
  },
});

/** An earlier life proved this node with these pod CIDRs, or nobody asks for a proof. */
function mayPublish({ proofWanted, provenPrefixes, prefixes }: ReadinessContext): boolean {
  return !proofWanted || (provenPrefixes.length > 0 && samePodCidrs(provenPrefixes, prefixes));
}
