import { aliasNetwork } from "../../src/domain/link-alias.ts";
import type { CniRequest } from "../../src/protocol/wire-types.ts";
import type { Recipient } from "../support/recipient.ts";
import { admit } from "./admit-call.ts";
import { answer, type Desk } from "./desk.ts";
import type { Collection, HeldCollection, Row } from "./pods-context.ts";
import type { PodAnswer } from "./pods-events.ts";

/**
 * GC (CNI specification 1.1.0): removes what stands on this network and the runtime does not know, goes on after
 * errors and reports all of them. What is under way is left alone: its runtime cannot know it yet.
 */
export function collect(desk: Desk, call: HeldCollection, registry: Recipient<PodAnswer>): void {
  const valid = new Set(call.valid);
  const network = aliasNetwork(call.network);
  const unwanted = desk.rows.filter(
    (row) => row !== null && isIdle(row) && aliasNetwork(row.plan.network) === network && !valid.has(row.key),
  );
  const { requestId, replyTo } = call;
  desk.collections = [
    ...desk.collections,
    { requestId, replyTo, open: unwanted.length, removed: 0, failures: [] },
  ];
  for (const row of unwanted) {
    if (row === null) continue;
    const common = { requestId: collectionCall(requestId), replyTo: registry, atMs: call.atMs, tries: 0 };
    admit(desk, { ...common, kind: "detach", request: detachRequest(row) });
  }
  finishCollections(desk);
}

/** One removal of a GC ended; the last one answers it. */
export function settleCollected(
  desk: Desk,
  event: Extract<PodAnswer, { type: "pod.detached" | "pod.failed" }>,
): void {
  desk.collections = desk.collections.map((collection) => {
    if (collectionCall(collection.requestId) !== event.requestId) return collection;
    const open = collection.open - 1;
    if (event.type === "pod.detached") return { ...collection, open, removed: collection.removed + 1 };
    return { ...collection, open, failures: [...collection.failures, event.failure] };
  });
  finishCollections(desk);
}

function finishCollections(desk: Desk): void {
  const isDone = ({ open }: Collection) => open === 0;
  for (const { requestId, replyTo, removed, failures } of desk.collections.filter(isDone))
    answer(desk, { requestId, replyTo }, { type: "pods.collected", requestId, removed, failures });
  desk.collections = desk.collections.filter((collection) => !isDone(collection));
}

/** The requestId of a GC's own removals. */
function collectionCall(requestId: string): string {
  return `gc ${requestId}`;
}

function isIdle(row: Row): boolean {
  return row.state === "attached" && row.job === null;
}

function detachRequest({ plan }: Row): CniRequest {
  const { network, containerId, ifname, podUid } = plan;
  const pod = { namespace: "", name: "", uid: podUid };
  return { wire: 1, command: "DEL", cniVersion: "1.1.0", network, containerId, netns: "", ifname, pod };
}
