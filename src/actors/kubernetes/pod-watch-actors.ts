import { fromPromise } from "xstate";
import type { PostOrder } from "../../../machines/pod-watch/pod-reports-machine.ts";
import type { Examination, ExaminationOrder } from "../../../machines/pod-watch/pod-watch-events.ts";
import { HeadcniError } from "../../domain/failure.ts";
import type { PostedReport } from "../../domain/kubernetes/kubernetes-objects.ts";
import type { Kubernetes } from "../../ports/kubernetes.ts";
import type { SandboxUsers } from "../../ports/sandbox-users.ts";

/** Effects of the pod-watch machine, and under `reports` those of its child. `now` in ms since the epoch. */
export function podWatchActors(
  kubernetes: Pick<Kubernetes, "postReport" | "repeatReport">,
  users: SandboxUsers,
  now: () => number,
) {
  return {
    podWatch: {
      examine: fromPromise<Examination, ExaminationOrder>(async ({ input: { attachment } }) => ({
        inUse: (await users.find(attachment)) !== "none",
        atMs: now(),
      })),
    },
    reports: {
      post: fromPromise<PostedReport, PostOrder>(async ({ input: { report, posted, count }, signal }) => {
        if (posted !== null && (await repeated(posted, count, signal))) return posted;
        return await kubernetes.postReport(report, signal);
      }),
    },
  };

  /** False when the Event is gone: the API server forgets Events after an hour (--event-ttl). */
  async function repeated(posted: PostedReport, count: number, signal: AbortSignal): Promise<boolean> {
    try {
      await kubernetes.repeatReport(posted, count, signal);
      return true;
    } catch (error) {
      if (error instanceof HeadcniError && error.detail.code === "NOT_FOUND") return false;
      throw error;
    }
  }
}
