import { tryAgain } from "../../src/domain/cni-failure.ts";
import { type Desk, refuse, tell } from "./desk.ts";
import type { Job, Row } from "./pods-context.ts";

/**
 * Nobody waits for a call any more (its deadline passed, or its client is gone). What waits is dropped; an ADD that is
 * running is undone, so that only answered ADDs leave something behind; a running DEL goes on. The refusal says how far it was.
 */
export function withdraw(desk: Desk, requestId: string): void {
  const mine = (call: { readonly requestId: string }) => call.requestId === requestId;
  const held = desk.held.find(mine);
  if (held !== undefined) {
    desk.held = desk.held.filter((call) => call !== held);
    refuse(
      desk,
      held,
      tryAgain("the daemon is still starting: pods cannot be served yet", "The runtime may repeat the call."),
    );
    return;
  }
  const collection = desk.collections.find(mine);
  if (collection !== undefined) {
    desk.collections = desk.collections.filter((other) => other !== collection);
    refuse(
      desk,
      collection,
      tryAgain(`GC still removes ${collection.open} attachments`, "It goes on; GC may be repeated."),
    );
    return;
  }
  const slot = desk.rows.findIndex(
    (row) => row !== null && ((row.job !== null && mine(row.job)) || row.queue.some(mine)),
  );
  const row = desk.rows[slot];
  if (row) desk.rows[slot] = withoutCall(desk, slot, row, mine);
}

function withoutCall(desk: Desk, slot: number, row: Row, mine: (call: Job) => boolean): Row {
  const { job } = row;
  const call = job !== null && mine(job) ? job : row.queue.find(mine);
  if (call === undefined) return row;
  const place =
    call === job ? `attachment is ${row.state}` : `attachment is ${row.state}, with earlier calls to do`;
  refuse(
    desk,
    call,
    tryAgain(`${row.key}: not done in time, the ${place}`, "The runtime may repeat the call."),
  );
  if (call !== job) return { ...row, queue: row.queue.filter((other) => other !== call) };
  if (row.state !== "attaching") return { ...row, job: null };
  tell(desk, slot, { type: "pod.detach" });
  return { ...row, job: null, state: "detaching" };
}
