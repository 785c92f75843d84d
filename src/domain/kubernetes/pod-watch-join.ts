import type { AttachmentPlan } from "../attachment/attachment.ts";
import type { NodePod } from "./kubernetes-objects.ts";
import type { ObjectChange } from "./kubernetes-watch.ts";

/** An attachment as the registry of pods knows it; `podUid` is the runtime's word for the pod, empty outside Kubernetes. */
export type KnownAttachment = Pick<AttachmentPlan, "key" | "network" | "containerId" | "ifname" | "podUid">;

/** Told by the registry of pods: which attachments began and ended, and how many there are now. */
export interface AttachmentsChanged {
  readonly type: "attachments.changed";
  readonly added: readonly KnownAttachment[];
  /** Keys. */
  readonly removed: readonly string[];
  readonly count: number;
}

/**
 * Kubernetes' pods of this node beside the attachments that stand here. A suspect is an attachment whose pod is gone; it
 * becomes an orphan when two turns of the clock found it so: after one to two grace periods.
 */
export interface PodJoin {
  /** Pods are selected by label: one that was never seen may just not be selected. */
  readonly selective: boolean;
  /** By the UID under which the kubelet runs them. */
  readonly pods: Readonly<Record<string, NodePod>>;
  readonly attachments: Readonly<Record<string, JoinedAttachment>>;
  /** By key. */
  readonly suspects: Readonly<Record<string, "new" | "old">>;
}

export interface JoinedAttachment extends KnownAttachment {
  /** Its pod was seen. */
  readonly joined: boolean;
}

export function emptyJoin(selective: boolean): PodJoin {
  return { selective, pods: {}, attachments: {}, suspects: {} };
}

/** A complete list of this node's pods: handled as the additions and deletions that lead to it. */
export function listPods(join: PodJoin, items: readonly NodePod[]): PodJoin {
  const seen = new Set(items.map(({ uid }) => uid));
  const gone = Object.values(join.pods).filter(({ uid }) => !seen.has(uid));
  return changePods(join, [
    ...gone.map((item) => ({ kind: "removed" as const, item })),
    ...items.map((item) => ({ kind: "put" as const, item })),
  ]);
}

/** Pods came or went. The same join when they did not: of a pod nothing is kept that an update could change. */
export function changePods(join: PodJoin, changes: readonly ObjectChange<NodePod>[]): PodJoin {
  const pods: Record<string, NodePod> = { ...join.pods };
  const attachments: Record<string, JoinedAttachment> = { ...join.attachments };
  let changed = false;
  for (const { kind, item } of changes) {
    // A mirror may be deleted and made anew under another UID while its static pod runs on.
    const isKnown = pods[item.runtimeUid]?.uid === item.uid;
    if (isKnown === (kind === "put") || isForeignMirror(item, pods[item.runtimeUid])) continue;
    changed = true;
    if (kind === "removed") delete pods[item.runtimeUid];
    else {
      pods[item.runtimeUid] = item;
      for (const attachment of Object.values(attachments))
        if (attachment.podUid === item.runtimeUid)
          attachments[attachment.key] = { ...attachment, joined: true };
    }
  }
  return changed ? withSuspects({ ...join, pods, attachments }) : join;
}

/** Anybody may write the mirror's annotation: it takes no other pod's place. A kubelet gives each mirror of a static pod the same name. */
function isForeignMirror(item: NodePod, known: NodePod | undefined): boolean {
  if (known === undefined || item.uid === item.runtimeUid) return false;
  return item.namespace !== known.namespace || item.name !== known.name;
}

/** Attachments began or ended. */
export function changeAttachments(join: PodJoin, { added, removed }: AttachmentsChanged): PodJoin {
  const attachments: Record<string, JoinedAttachment> = { ...join.attachments };
  for (const key of removed) delete attachments[key];
  for (const attachment of added)
    attachments[attachment.key] = { ...attachment, joined: join.pods[attachment.podUid] !== undefined };
  return withSuspects({ ...join, attachments });
}

/** What is known is not current any more: suspicion begins anew once it is. */
export function doubtJoin(join: PodJoin): PodJoin {
  const suspects = Object.fromEntries(Object.keys(join.suspects).map((key) => [key, "new" as const]));
  return { ...join, suspects };
}

/** The clock turned. `orphans`: keys that were suspects at the last turn already. */
export function turnJoin(join: PodJoin): { readonly join: PodJoin; readonly orphans: readonly string[] } {
  const keys = Object.keys(join.suspects);
  const suspects = Object.fromEntries(keys.map((key) => [key, "old" as const]));
  return { join: { ...join, suspects }, orphans: keys.filter((key) => join.suspects[key] === "old") };
}

/** Looked at and found in use, or it could not be removed: not before another grace period. */
export function spareSuspect(join: PodJoin, key: string): PodJoin {
  if (join.suspects[key] === undefined) return join;
  return { ...join, suspects: { ...join.suspects, [key]: "new" } };
}

function withSuspects(join: PodJoin): PodJoin {
  const suspects: Record<string, "new" | "old"> = {};
  for (const { key, podUid, joined } of Object.values(join.attachments))
    if (podUid !== "" && join.pods[podUid] === undefined && (joined || !join.selective))
      suspects[key] = join.suspects[key] ?? "new";
  return { ...join, suspects };
}
