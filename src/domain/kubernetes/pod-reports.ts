import type { CniFailure, CniOperation, PodReference } from "../../protocol/cni-protocol.ts";
import { addWork, dropWork, emptyQueue, endWork, type WorkQueue } from "../work-queue.ts";
import type { PodReport, PostedReport } from "./kubernetes-objects.ts";

/** A CNI call about a pod that failed. */
export interface RefusedCall {
  readonly command: CniOperation;
  readonly pod: PodReference;
  readonly failure: CniFailure;
}

const words: Readonly<Partial<Record<CniOperation, Pick<PodReport, "reason" | "action">>>> = {
  ADD: { reason: "NetworkNotAttached", action: "Attaching" },
  DEL: { reason: "NetworkNotDetached", action: "Detaching" },
  CHECK: { reason: "NetworkNotAsPlanned", action: "Checking" },
};

/** What people are told about it; undefined outside Kubernetes and for calls about no pod. */
export function reportOf({ command, pod, failure }: RefusedCall): PodReport | undefined {
  const said = words[command];
  if (said === undefined || pod.uid === "" || pod.namespace === "" || pod.name === "") return undefined;
  const details = failure.details === "" ? "" : ` (${failure.details})`;
  return { pod, ...said, note: `${failure.msg}${details}` };
}

/** A report, how often it came, and what of it was posted. */
interface Entry {
  readonly report: PodReport;
  readonly count: number;
  readonly posted: PostedReport | null;
  readonly postedCount: number;
}

/** Reports on their way to the API server: equal ones are one Event with a count. */
export interface ReportBook {
  readonly entries: Readonly<Record<string, Entry>>;
  readonly queue: WorkQueue;
}

/** Beyond it the oldest are forgotten: a node with so many failing pods needs no more of them. */
const maxEntries = 200;

export const emptyBook: ReportBook = { entries: {}, queue: emptyQueue };

/**
 * The report came (once more). It is posted the first time and then each time its count has doubled: a pod that fails
 * for a day costs the API server a dozen calls.
 */
export function noteReport(book: ReportBook, report: PodReport): ReportBook {
  const key = `${report.pod.uid} ${report.reason} ${report.note}`;
  const before = book.entries[key];
  const entry: Entry = before
    ? { ...before, count: before.count + 1 }
    : { report, count: 1, posted: null, postedCount: 0 };
  const due = entry.count >= 2 * entry.postedCount;
  const queue = due ? addWork(book.queue, key) : book.queue;
  return bounded({ entries: { ...book.entries, [key]: entry }, queue });
}

/** The pod's network is fine now, or the pod is gone: what was said of it is history. */
export function settleReports(book: ReportBook, podUid: string): ReportBook {
  return without(book, (key) => key.startsWith(`${podUid} `));
}

/** The report in work was posted. */
export function endPosting({ entries, queue }: ReportBook, posted: PostedReport, count: number): ReportBook {
  const key = queue.working ?? "";
  const entry = entries[key];
  const next =
    entry === undefined ? entries : { ...entries, [key]: { ...entry, posted, postedCount: count } };
  return { entries: next, queue: endWork(queue) };
}

/** It cannot be posted now: it waits again, behind the others. */
export function postponePosting({ entries, queue }: ReportBook): ReportBook {
  const ended = endWork(queue);
  return { entries, queue: queue.working === null ? ended : addWork(ended, queue.working) };
}

/** The API server will not have it: forgotten, so that a later one begins anew. */
export function giveUpPosting({ entries, queue }: ReportBook): ReportBook {
  const key = queue.working ?? "";
  return without({ entries, queue: { ...queue, working: null, again: false } }, (other) => other === key);
}

function without(book: ReportBook, unwanted: (key: string) => boolean): ReportBook {
  const kept = Object.entries(book.entries).filter(([key]) => !unwanted(key));
  return { entries: Object.fromEntries(kept), queue: dropWork(book.queue, unwanted) };
}

function bounded(book: ReportBook): ReportBook {
  const keys = Object.keys(book.entries);
  const excess = new Set(keys.slice(0, Math.max(0, keys.length - maxEntries)));
  return excess.size === 0 ? book : without(book, (key) => excess.has(key));
}
