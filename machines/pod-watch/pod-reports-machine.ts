import { assign, enqueueActions, setup } from "xstate";
import { backoffDelay } from "../../src/domain/backoff.ts";
import { type Failure, toFailure } from "../../src/domain/failure.ts";
import type { PodReport, PostedReport } from "../../src/domain/kubernetes/kubernetes-objects.ts";
import {
  emptyBook,
  endPosting,
  giveUpPosting,
  noteReport,
  postponePosting,
  type ReportBook,
  settleReports,
} from "../../src/domain/kubernetes/pod-reports.ts";
import { beginWork } from "../../src/domain/work-queue.ts";
import { keep } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided } from "../support/not-provided.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";

export type PodReportsEvent =
  | { readonly type: "report.wanted"; readonly report: PodReport }
  /** The pod's network is fine now, or the pod is gone. */
  | { readonly type: "report.settled"; readonly podUid: string };

/** What the effect `post` gets: a new Event, or the repetition of one that was posted. */
export interface PostOrder {
  readonly report: PodReport;
  readonly posted: PostedReport | null;
  readonly count: number;
}

interface PodReportsContext {
  readonly seed: string;
  readonly book: ReportBook;
  readonly attempt: number;
  readonly failure: Failure | null;
}

/** `rateLimited`: five reports a second at most, as client-go's event broadcasters by default. */
const limits = { posting: 12_000, rateLimited: 200 };
const retry = { firstMs: 1_000, maxMs: 60_000 };
const transient: readonly string[] = [
  "UNREACHABLE",
  "UNAVAILABLE",
  "UNAUTHORIZED",
  "ACCESS_INVALID",
  "TIMEOUT",
];

/** Posts what goes wrong with pods as Events: one at a time, equal ones together, never faster than is good for the API server. */
export const podReportsMachine = setup({
  types: {} as MachineTypes & {
    input: { readonly seed: string };
    context: PodReportsContext;
    events: PodReportsEvent;
  },
  actors: {
    post: notProvided<PostedReport, PostOrder>("podReports.post"),
  },
  actions: {
    note: assign({ book: ({ context }, report: PodReport) => noteReport(context.book, report) }),
    settle: assign({
      book: ({ context }, { podUid }: { readonly podUid: string }) => settleReports(context.book, podUid),
    }),
    begin: assign({ book: ({ context: { book } }) => ({ ...book, queue: beginWork(book.queue) }) }),
    end: assign({
      attempt: 0,
      failure: null,
      book: ({ context }, { posted, count }: { readonly posted: PostedReport; readonly count: number }) =>
        endPosting(context.book, posted, count),
    }),
    postpone: enqueueActions(({ context, enqueue }, failure: Failure) => {
      keep(enqueue, failure);
      enqueue.assign({ book: postponePosting(context.book), attempt: context.attempt + 1 });
    }),
    giveUp: enqueueActions(({ context, enqueue }, failure: Failure) => {
      keep(enqueue, failure);
      enqueue.assign({ book: giveUpPosting(context.book) });
    }),
  },
  guards: {
    hasWork: ({ context }) => context.book.queue.waiting.length > 0,
    isTransient: (_, { code }: Failure) => transient.includes(code),
  },
  delays: {
    ...limits,
    backoff: ({ context }) => backoffDelay(context.attempt - 1, retry, context.seed),
  },
}).createMachine({
  id: "podReports",
  context: ({ input: { seed } }) => ({ seed, book: emptyBook, attempt: 0, failure: null }),
  options: { maxIterations: 1_000 },
  initial: "resting",
  on: {
    "report.wanted": { actions: { type: "note", params: ({ event }) => event.report } },
    "report.settled": { actions: { type: "settle", params: ({ event }) => event } },
  },
  states: {
    resting: {
      meta: mayLast("no Event about a pod is due"),
      always: { guard: "hasWork", target: "posting", actions: "begin" },
    },
    posting: {
      meta: stuckAfter(limits.posting, "the API server does not accept Events"),
      invoke: {
        src: "post",
        input: ({ context }) => orderOf(context.book),
        onDone: {
          target: "rateLimited",
          actions: {
            type: "end",
            params: ({ context, event }) => ({ posted: event.output, count: orderOf(context.book).count }),
          },
        },
        onError: [
          {
            guard: { type: "isTransient", params: ({ event }) => toFailure(event.error) },
            target: "backingOff",
            actions: { type: "postpone", params: ({ event }) => toFailure(event.error) },
          },
          {
            target: "rateLimited",
            actions: { type: "giveUp", params: ({ event }) => toFailure(event.error) },
          },
        ],
      },
      after: {
        posting: {
          target: "backingOff",
          actions: {
            type: "postpone",
            params: { code: "TIMEOUT", message: "the API server did not answer in time" },
          },
        },
      },
    },
    rateLimited: {
      meta: stuckAfter(limits.rateLimited, "waits before it sends the next Event"),
      after: { rateLimited: "resting" },
    },
    backingOff: {
      meta: stuckAfter(retry.maxMs, "the API server is unreachable: Events about pods wait"),
      after: { backoff: "resting" },
    },
  },
});

/** The order for the report in work; its pod may be settled meanwhile, then nothing is left of it. */
function orderOf({ entries, queue }: ReportBook): PostOrder {
  const entry = entries[queue.working ?? ""];
  return entry ?? { report: nothing, posted: null, count: 0 };
}

const nothing: PodReport = { pod: { namespace: "", name: "", uid: "" }, reason: "", note: "", action: "" };
