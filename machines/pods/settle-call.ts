import { releaseAddress } from "../../src/domain/address-pool.ts";
import type { AttachmentPlan, Mismatch } from "../../src/domain/attachment.ts";
import { failureOf } from "../../src/domain/cni-failure.ts";
import { resultMismatches, resultOfPlan } from "../../src/domain/cni-result.ts";
import type { Failure } from "../../src/domain/failure.ts";
import { cniErrorCodes } from "../../src/protocol/cni-error-codes.ts";
import { admit, workOn } from "./admit-call.ts";
import { answer, type Desk, refuse, slotOf } from "./desk.ts";
import type { Job, Row } from "./pods-context.ts";

/** Addresses that one ADD tries before it gives up: more than a race of two nodes' worth of ADDs ever needs. */
const mostTries = 4;

const doing = { attach: "ADD of", check: "CHECK of", detach: "DEL of" } as const;

/** The attachment stands: after an ADD, or because the same ADD came again and the kernel is as planned. */
export function settleAttached(desk: Desk, key: string, plan: AttachmentPlan): void {
  freePod(desk, key, plan, (job) => ({
    type: "pod.attached",
    requestId: job.requestId,
    result: resultOfPlan(plan, job.request.cniVersion),
  }));
}

export function settleChecked(
  desk: Desk,
  key: string,
  plan: AttachmentPlan,
  mismatches: readonly Mismatch[],
): void {
  freePod(desk, key, plan, (job) => {
    const { prevResult } = job.request;
    const told = prevResult === undefined ? [] : resultMismatches(prevResult, plan);
    return { type: "pod.checked", requestId: job.requestId, mismatches: [...mismatches, ...told] };
  });
}

/** The comparison with the kernel failed; nothing was changed. */
export function settleCheckFailed(desk: Desk, key: string, failure: Failure): void {
  freePod(desk, key, undefined, (job) => ({
    type: "pod.failed",
    requestId: job.requestId,
    failure: failureOf(failure, `${doing[job.kind]} ${key}`),
  }));
}

/** The kernel answers for the addresses no more: DELs are done, a failed ADD is answered or tries another address. */
export function settleUnrouted(desk: Desk, key: string, failure: Failure | undefined): void {
  change(desk, key, (row) => {
    const { job } = row;
    const kept = job?.kind === "attach" ? redo(desk, key, job, failure) : null;
    const done = row.queue.filter((call) => call.kind === "detach");
    for (const call of job?.kind === "detach" ? [job, ...done] : done)
      answer(desk, call, { type: "pod.detached", requestId: call.requestId });
    return {
      ...row,
      state: "releasing",
      job: kept,
      queue: row.queue.filter((call) => call.kind !== "detach"),
    };
  });
}

/** Removing failed for now: whoever waits for it is told, the pod tries again by itself. */
export function settleLingers(desk: Desk, key: string, failure: Failure): void {
  change(desk, key, (row) => {
    const waiting = row.queue.filter((call) => call.kind === "detach");
    for (const call of row.job === null ? waiting : [row.job, ...waiting])
      refuse(desk, call, failureOf(failure, `${doing[call.kind]} ${key}`));
    return { ...row, state: "pausing", job: null, queue: row.queue.filter((call) => call.kind !== "detach") };
  });
}

/** The link is gone: the addresses rest from now on, the slot is free, and what waited for the key begins. */
export function closeRow(desk: Desk, slot: number, releasedAtMs: number): void {
  const row = desk.rows[slot];
  if (!row) return;
  desk.rows[slot] = null;
  const rules = { nowMs: releasedAtMs, restMs: desk.settings.restMs };
  for (const address of row.plan.addresses)
    desk.pools = desk.pools.map((pool) => releaseAddress(pool, address, rules));
  for (const job of row.job === null ? row.queue : [row.job, ...row.queue]) admit(desk, job);
}

/**
 * A pod died of a mistake in this program. Nobody knows how far it was, so its addresses stay used until the next
 * start recovers from the kernel; a DEL of the key asks the kernel anew.
 */
export function abandonRow(desk: Desk, slot: number, failure: Failure): void {
  const row = desk.rows[slot];
  if (!row) return;
  desk.rows[slot] = null;
  for (const job of row.job === null ? row.queue : [row.job, ...row.queue])
    refuse(desk, job, {
      ...failureOf(failure, `${doing[job.kind]} ${row.key}`),
      code: cniErrorCodes.internal,
    });
}

/** A failed ADD that may be tried again stays; any other is answered. Without a failure the attachment is made anew. */
function redo(desk: Desk, key: string, job: Job, failure: Failure | undefined): Job | null {
  if (failure === undefined) return job;
  if (failure.code === "ADDRESS_TAKEN" && job.tries + 1 < mostTries) return { ...job, tries: job.tries + 1 };
  refuse(desk, job, failureOf(failure, `${doing.attach} ${key}`));
  return null;
}

/**
 * The pod is free again: answers its call, if somebody still waits for it, and goes on with the next one. A pod that was
 * told to detach meanwhile is not free, whatever it reported before it heard of it.
 */
function freePod(
  desk: Desk,
  key: string,
  plan: AttachmentPlan | undefined,
  reply: (job: Job) => Parameters<typeof answer>[2],
): void {
  const state = desk.rows[slotOf(desk.rows, key)]?.state;
  if (state === "detaching" || state === "releasing" || state === "pausing") return;
  change(desk, key, (row) => {
    if (row.job !== null) answer(desk, row.job, reply(row.job));
    return { ...row, plan: plan ?? row.plan, state: "attached", job: null };
  });
  workOn(desk, slotOf(desk.rows, key));
}

function change(desk: Desk, key: string, next: (row: Row) => Row): void {
  const slot = slotOf(desk.rows, key);
  const row = desk.rows[slot];
  if (row) desk.rows[slot] = next(row);
}
