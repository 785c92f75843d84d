import { assign, emit, enqueueActions, sendTo, setup } from "xstate";
import type { AttachedLinks, AttachmentPlan, Mismatch } from "../../src/domain/attachment/attachment.ts";
import { backoffDelay } from "../../src/domain/backoff.ts";
import type { Failure } from "../../src/domain/failure.ts";
import type { CniFailure } from "../../src/protocol/cni-protocol.ts";
import { keep } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import type { News } from "../support/news.ts";
import { notProvided } from "../support/not-provided.ts";
import {
  type Answered,
  attached,
  type Calls,
  detached,
  lingering,
  notAttached,
  notCompared,
  notInTime,
  overtaken,
  refused,
  unrouted,
} from "./pod-calls.ts";
import type { AttachmentCall, AttachmentReport, Detached, PodEvent, PodInput } from "./pod-events.ts";

export interface PodContext extends PodInput, Calls {
  /** Why the ADD failed; null for a pod that ends because it was asked to. */
  readonly failure: Failure | null;
  readonly releasedAtMs: number;
  /** Removals that failed so far. */
  readonly failedRemovals: number;
}

/** Ends of what may hang, in ms; each is also the limit in the state's meta. */
export const podLimits = {
  enforce: 8_000,
  attach: 12_000,
  check: 5_000,
  detach: 10_000,
  release: 30_000,
  pause: 30_000,
  removal: 60_000,
  idle: 1_000,
} as const;
/** Wait before a removal is tried again. */
const pauses = { firstMs: 1_000, maxMs: podLimits.pause };

/** Ends calls as `answer` decides: each caller is told, and the registry, which remembers whose answers are due. */
function answering<Params>(
  answer: (context: PodContext, params: Params, state: string) => Answered,
  toFailure: (params: Params) => Failure | undefined = () => undefined,
) {
  return enqueueActions<PodContext, PodEvent, Params, PodEvent, never, never, never, never, News>(
    ({ context, enqueue, self }, params) => {
      const { answers, call, queue } = answer(context, params, stateOf(self.getSnapshot()));
      enqueue.assign({ call, queue });
      const failure = toFailure(params);
      if (failure !== undefined) enqueue.emit({ type: "failure.occurred", failure });
      for (const [{ replyTo }, told] of answers) {
        enqueue.sendTo(replyTo, told);
        enqueue.sendTo(context.registry, { type: "pod.answered", slot: context.slot, answer: told });
      }
    },
  );
}

/** Vocabulary of the pod machine: what its chart in pod-machine.ts is written with. */
export const podSetup = setup({
  types: {} as MachineTypes & { input: PodInput; context: PodContext; events: PodEvent },
  actors: {
    attach: notProvided<AttachedLinks, { plan: AttachmentPlan }>("attach"),
    detach: notProvided<Detached, { hostLink: string }>("detach"),
    check: notProvided<readonly Mismatch[], { plan: AttachmentPlan }>("check"),
  },
  guards: {
    startsAttached: ({ context }) => context.start === "attached",
    /** No policy says anything about it: nobody enforces any, or it is none of Kubernetes' pods. */
    isUnjudged: ({ context }) => context.policy === null || context.plan.podUid === "",
    startsDetaching: ({ context }) => context.start === "detach",
    failed: ({ context }) => context.failure !== null,
    hasCalls: ({ context }) => context.queue.length > 0,
    checkIsNext: ({ context }) => context.queue[0]?.type === "pod.checkWanted",
    isNext: ({ context }, { requestId }: { requestId: string }) => context.queue[0]?.requestId === requestId,
    /** False once a DEL overtook the ADD, or its caller went away. */
    isWanted: ({ context }) => context.call?.type === "pod.attachWanted",
    lingers: (_, { lingers }: Detached) => lingers,
    /** The same ADD again found something else than it made: it is made anew. */
    mustRedo: ({ context }, { mismatches }: { mismatches: readonly Mismatch[] }) =>
      context.call?.type === "pod.attachWanted" && mismatches.length > 0,
  },
  actions: {
    queueCall: assign({ queue: ({ context }, call: AttachmentCall) => [...context.queue, call] }),
    tellQueued: emit(({ context: { call } }, { requestId }: AttachmentCall) => ({
      type: "call.queued",
      callId: requestId,
      why: `behind the ${call?.request.command ?? "removal"} of the same attachment`,
    })),
    tellStarted: emit(({ context: { queue } }) => ({
      type: "call.started",
      callId: queue[0]?.requestId ?? "",
    })),
    tellAssigned: emit(({ context }) => ({ type: "addresses.assigned", addresses: context.plan.addresses })),
    /** The kernel is compared in the namespace of this call: the path is not on record after a restart. */
    takeNext: assign(({ context: { plan, queue } }) => ({
      call: queue[0] ?? null,
      queue: queue.slice(1),
      plan: { ...plan, netns: queue[0]?.request.netns ?? plan.netns },
    })),
    takePlan: assign(({ context: { queue } }, { plan }: { plan: AttachmentPlan }) => ({
      call: queue[0] ?? null,
      queue: queue.slice(1),
      plan,
      failure: null,
      failedRemovals: 0,
    })),
    answerAttached: answering((context, { mismatches }: { mismatches: readonly Mismatch[] }) =>
      attached(context, context.plan, mismatches),
    ),
    answerNotCompared: answering(
      (context, failure: Failure) => notCompared(context, context.plan, failure),
      (failure) => failure,
    ),
    overtake: answering((context, call: AttachmentCall) => overtaken(context, context.plan, call)),
    answerUnrouted: answering((context, _: undefined) => unrouted(context, context.plan, context.failure)),
    answerDetached: answering((context, _: undefined) => detached(context)),
    answerLingers: answering(
      (context, failure: Failure) => lingering(context, context.plan, failure),
      (failure) => failure,
    ),
    answerNotAttached: answering((context, _: undefined) =>
      refused(context, context.queue[0]?.requestId ?? "", notAttached(context.plan.key)),
    ),
    refuse: answering((context, { requestId, failure }: { requestId: string; failure: CniFailure }) =>
      refused(context, requestId, failure),
    ),
    withdraw: answering((context, { requestId }: { requestId: string }, state) =>
      refused(context, requestId, notInTime(context, context.plan.key, requestId, state)),
    ),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    countFailedRemoval: assign({ failedRemovals: ({ context }) => context.failedRemovals + 1 }),
    keepRelease: assign({ releasedAtMs: (_, { atMs }: Detached) => atMs }),
    tellLinkLeft: sendTo(
      ({ context }) => context.links,
      ({ self }) => ({ type: "link.left", replyTo: self }),
    ),
    wantPolicies: enqueueActions(({ context, enqueue, self }) => {
      const { policy, plan, call } = context;
      if (policy === null || plan.podUid === "") return;
      const { key, podUid, addresses } = plan;
      const namespace = call?.request.pod.namespace ?? "";
      const replyTo = call === null ? null : self;
      enqueue.sendTo(policy, {
        type: "policies.wanted",
        key,
        pod: { podUid, namespace, addresses },
        replyTo,
      });
    }),
    releasePolicies: enqueueActions(({ context: { policy, plan }, enqueue }) => {
      if (policy !== null) enqueue.sendTo(policy, { type: "policies.released", key: plan.key });
    }),
    reportIdle: sendTo(
      ({ context }) => context.registry,
      ({ context: { slot, releasedAtMs } }): AttachmentReport => ({ type: "pod.idle", slot, releasedAtMs }),
    ),
  },
  delays: {
    ...podLimits,
    pause: ({ context }) => backoffDelay(context.failedRemovals - 1, pauses, context.plan.key),
  },
});

/** The outermost state that a snapshot is in; XState's pure `transition` has none. */
function stateOf(snapshot: unknown): string {
  const { value = "" } = snapshot as { readonly value?: string | Readonly<Record<string, unknown>> };
  return typeof value === "string" ? value : (Object.keys(value)[0] ?? "");
}
