import { assign, enqueueActions, setup } from "xstate";
import { detachRequest } from "../../src/domain/attachment/attachment.ts";
import type { Failure } from "../../src/domain/failure.ts";
import type { PodReport } from "../../src/domain/kubernetes/kubernetes-objects.ts";
import { type RefusedCall, reportOf } from "../../src/domain/kubernetes/pod-reports.ts";
import {
  type AttachmentsChanged,
  changeAttachments,
  changePods,
  doubtJoin,
  emptyJoin,
  type KnownAttachment,
  listPods,
  spareSuspect,
  turnJoin,
} from "../../src/domain/kubernetes/pod-watch-join.ts";
import { addWork, beginWork, dropWork, emptyQueue, endWork } from "../../src/domain/work-queue.ts";
import { keep } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided } from "../support/not-provided.ts";
import type { WatchedChange } from "../watch/watch-events.ts";
import { watchMachine } from "../watch/watch-machine.ts";
import { podReportsMachine } from "./pod-reports-machine.ts";
import type {
  Examination,
  ExaminationOrder,
  PodWatchContext,
  PodWatchEvent,
  PodWatchInput,
} from "./pod-watch-events.ts";

/**
 * Limits of the states, in ms: for `meta` and for `after` alike. `grace`: a pod is gone from the API as soon as somebody
 * forces its deletion, while the kubelet still ends it (30 s by default) and then asks for DEL.
 */
export const podWatchLimits = {
  listing: 60_000,
  stale: 60_000,
  grace: 120_000,
  // A suspect is examined after one to two grace periods.
  orphaned: 300_000,
  examining: 5_000,
  detaching: 15_000,
  rateLimited: 200,
  crashed: 5_000,
};

/** More reports than this do not wait for their pods to be seen. */
const maxEarly = 64;

export function initialPodWatch(input: PodWatchInput): PodWatchContext {
  return {
    ...input,
    join: emptyJoin(input.selective),
    current: false,
    queue: emptyQueue,
    early: [],
    reclaimed: 0,
    failure: null,
  };
}

/** Vocabulary of the pod-watch machine: what its chart in pod-watch-machine.ts is written with. */
export const podWatchSetup = setup({
  types: {} as MachineTypes & {
    input: PodWatchInput;
    context: PodWatchContext;
    events: PodWatchEvent;
    children: { watch: "watch"; reports: "reports" };
  },
  actors: {
    watch: watchMachine,
    reports: podReportsMachine,
    /** Whether a process still lives in the attachment's namespace. */
    examine: notProvided<Examination, ExaminationOrder>("podWatch.examine"),
  },
  actions: {
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    forgetFailure: assign({ failure: null }),
    keepPods: enqueueActions(({ context, enqueue }, news: WatchedChange<"pods">) => {
      const { join, early } = context;
      const next = news.type === "watch.listed" ? listPods(join, news.items) : changePods(join, news.changes);
      if (next === join) return;
      enqueue.assign({ join: next, early: early.filter(({ pod }) => next.pods[pod.uid] === undefined) });
      for (const report of early)
        if (next.pods[report.pod.uid] !== undefined)
          enqueue.sendTo("reports", { type: "report.wanted", report });
      for (const uid of Object.keys(join.pods))
        if (next.pods[uid] === undefined) enqueue.sendTo("reports", { type: "report.settled", podUid: uid });
    }),
    keepAttachments: assign(({ context }, changed: AttachmentsChanged) => {
      const join = changeAttachments(context.join, changed);
      return { join, queue: dropWork(context.queue, (key) => join.suspects[key] === undefined) };
    }),
    settleReports: enqueueActions(({ enqueue }, { added }: AttachmentsChanged) => {
      for (const { podUid } of added)
        if (podUid !== "") enqueue.sendTo("reports", { type: "report.settled", podUid });
    }),
    report: enqueueActions(({ context, enqueue }, call: RefusedCall) => {
      const report = reportOf(call);
      if (report === undefined) return;
      if (context.join.pods[report.pod.uid] !== undefined)
        enqueue.sendTo("reports", { type: "report.wanted", report });
      else if (!isWaiting(context.early, report))
        enqueue.assign({ early: [...context.early, report].slice(-maxEarly) });
    }),
    isCurrent: assign({ current: true }),
    doubt: assign(({ context: { join } }) => ({
      join: doubtJoin(join),
      current: false,
      queue: emptyQueue,
    })),
    turn: assign(({ context }) => {
      const { join, orphans } = turnJoin(context.join);
      return { join, queue: orphans.reduce(addWork, context.queue) };
    }),
    begin: assign({ queue: ({ context }) => beginWork(context.queue) }),
    /** It stays a suspect, if it still is one. */
    spare: assign(({ context: { join, queue } }) => ({
      join: spareSuspect(join, queue.working ?? ""),
      queue: endWork({ ...queue, again: false }),
    })),
    countReclaimed: assign(({ context }) => ({
      reclaimed: context.reclaimed + 1,
      queue: endWork({ ...context.queue, again: false }),
    })),
    askToDetach: enqueueActions(({ context, enqueue, self }, { atMs }: { readonly atMs: number }) => {
      const orphan = orphanOf(context);
      if (orphan === undefined) return;
      enqueue.sendTo(context.pods, {
        type: "pod.detachWanted",
        request: detachRequest(orphan),
        requestId: requestIdOf(orphan.key),
        replyTo: self,
        atMs,
      });
    }),
  },
  guards: {
    /** Nothing is suspected by what may be outdated. */
    suspects: ({ context: { current, join } }) => current && Object.keys(join.suspects).length > 0,
    hasWork: ({ context }) => context.queue.waiting.length > 0,
    /** While it waited its pod may have come back, or its DEL. */
    isNoSuspect: ({ context: { join, queue } }) => join.suspects[queue.working ?? ""] === undefined,
    isInUse: (_, { inUse }: Examination) => inUse,
    isAnswer: ({ context }, { requestId }: { readonly requestId: string }) =>
      requestId === requestIdOf(context.queue.working ?? ""),
  },
  delays: podWatchLimits,
});

/** The attachment in work. */
export function orphanOf({ join, queue }: PodWatchContext): KnownAttachment | undefined {
  return join.attachments[queue.working ?? ""];
}

function requestIdOf(key: string): string {
  return `orphan ${key}`;
}

function isWaiting(early: readonly PodReport[], report: PodReport): boolean {
  return early.some(
    ({ pod, reason, note }) => pod.uid === report.pod.uid && reason === report.reason && note === report.note,
  );
}
