import { attachmentKey, detachRequest } from "../../src/domain/attachment/attachment.ts";
import { tryAgain } from "../../src/domain/attachment/cni-failure.ts";
import { aliasNetwork } from "../../src/domain/attachment/link-alias.ts";
import type { AttachmentAnswer } from "../pod/pod-events.ts";
import { handOn } from "./hand-on.ts";
import type { Collection } from "./pods-context.ts";
import type { CollectCall } from "./pods-events.ts";
import type { RegistryDraft } from "./registry-draft.ts";

/**
 * GC (CNI specification 1.1.0): removes what stands on this network and the runtime does not know, goes on after
 * errors and reports all of them. What is under way is left alone: its runtime cannot know it yet.
 */
export function collect(draft: RegistryDraft, { requestId, replyTo, atMs, ...call }: CollectCall): void {
  const valid = new Set(call.valid.map(({ containerId, ifname }) => attachmentKey(containerId, ifname)));
  const network = aliasNetwork(call.network);
  const unwanted = draft.slots.flatMap((attachment) => {
    if (attachment?.plan == null || !attachment.standing || attachment.calls.length > 0) return [];
    const { plan } = attachment;
    return aliasNetwork(plan.network) === network && !valid.has(plan.key) ? [plan] : [];
  });
  const begun = { requestId, replyTo, open: unwanted.length, removed: 0, failures: [] };
  draft.collections = [...draft.collections, begun];
  for (const plan of unwanted)
    handOn(draft, {
      type: "pod.detachWanted",
      request: detachRequest(plan),
      requestId: collectionCall(requestId),
      replyTo: draft.self,
      atMs,
    });
  finishCollections(draft);
}

/** One removal of a GC ended; the last one answers it. */
export function settleCollected(draft: RegistryDraft, answer: AttachmentAnswer): void {
  draft.collections = draft.collections.map((collection) => {
    if (collectionCall(collection.requestId) !== answer.requestId) return collection;
    const open = collection.open - 1;
    if (answer.type !== "pod.failed") return { ...collection, open, removed: collection.removed + 1 };
    return { ...collection, open, failures: [...collection.failures, answer.failure] };
  });
  finishCollections(draft);
}

/** Nobody waits for a GC any more: what it began goes on. */
export function withdrawCollection(draft: RegistryDraft, requestId: string): void {
  const collection = draft.collections.find((other) => other.requestId === requestId);
  if (collection === undefined) return;
  draft.collections = draft.collections.filter((other) => other !== collection);
  const failure = tryAgain(
    `GC still removes ${collection.open} attachments`,
    "It continues; GC may be repeated.",
  );
  draft.send(collection.replyTo, { type: "pod.failed", requestId, failure });
}

function finishCollections(draft: RegistryDraft): void {
  const isDone = ({ open }: Collection) => open === 0;
  for (const { requestId, replyTo, removed, failures } of draft.collections.filter(isDone))
    draft.send(replyTo, { type: "pods.collected", requestId, removed, failures });
  draft.collections = draft.collections.filter((collection) => !isDone(collection));
}

/** The requestId of a GC's own removals. */
function collectionCall(requestId: string): string {
  return `gc ${requestId}`;
}
