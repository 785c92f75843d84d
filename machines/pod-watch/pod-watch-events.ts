import type { Failure } from "../../src/domain/failure.ts";
import type { PodReport } from "../../src/domain/kubernetes/kubernetes-objects.ts";
import type { RefusedCall } from "../../src/domain/kubernetes/pod-reports.ts";
import type {
  AttachmentsChanged,
  KnownAttachment,
  PodJoin,
} from "../../src/domain/kubernetes/pod-watch-join.ts";
import type { WorkQueue } from "../../src/domain/work-queue.ts";
import type { PodAnswer, PodsCall } from "../pods/pods-events.ts";
import type { Recipient } from "../support/recipient.ts";
import type { WatchReport } from "../watch/watch-events.ts";

export interface PodWatchInput {
  /** Spreads the waits of nodes: the node's name. */
  readonly seed: string;
  /** Pods are selected by label. */
  readonly selective: boolean;
  readonly pods: Recipient<PodsCall>;
}

/** What the machine is told. */
export type PodWatchEvent =
  | WatchReport<"pods">
  /** From the registry of pods, through the root. */
  | AttachmentsChanged
  /** From the CNI calls, through the root. */
  | ({ readonly type: "call.refused" } & RefusedCall)
  /** Answers of the registry to this machine's own calls. */
  | PodAnswer;

/** Whether anything still uses an attachment; `atMs` in ms since the epoch. */
export interface Examination {
  readonly inUse: boolean;
  readonly atMs: number;
}

export interface ExaminationOrder {
  readonly attachment: KnownAttachment;
}

export interface PodWatchContext extends PodWatchInput {
  readonly join: PodJoin;
  /** The list of pods is complete and the watch runs. */
  readonly current: boolean;
  /** Orphans to look at, by key. */
  readonly queue: WorkQueue;
  /** Reports about pods that the watch has not shown yet. */
  readonly early: readonly PodReport[];
  readonly reclaimed: number;
  readonly failure: Failure | null;
}
