import { fromCallback } from "xstate";
import type { WatchEvent } from "../../../machines/watch/watch-events.ts";
import { HeadcniError, toFailure } from "../../domain/failure.ts";
import type { WatchSource } from "../../domain/kubernetes/kubernetes-watch.ts";
import type { Kubernetes } from "../../ports/kubernetes.ts";

/** Effects of the watch machine. */
export function watchActors(kubernetes: Pick<Kubernetes, "follow">) {
  return {
    follow: fromCallback<WatchEvent, { readonly source: WatchSource; readonly cursor: string }>(
      ({ input: { source, cursor }, sendBack }) => {
        const abort = new AbortController();
        const tell = (event: WatchEvent) => {
          if (!abort.signal.aborted) sendBack(event);
        };
        kubernetes.follow(source, cursor, tell, abort.signal).then(
          () => tell({ type: "watch.ended" }),
          (error: unknown) => tell({ type: "watch.failed", ...toWatchFailure(error) }),
        );
        return () => abort.abort();
      },
    ),
  };
}

function toWatchFailure(
  error: unknown,
): Pick<Extract<WatchEvent, { type: "watch.failed" }>, "failure" | "retryAfterMs"> {
  const failure = toFailure(error);
  const detail: unknown = error instanceof HeadcniError ? error.detail : undefined;
  const retryAfterMs = (detail as { readonly retryAfterMs?: unknown } | undefined)?.retryAfterMs;
  return typeof retryAfterMs === "number" ? { failure, retryAfterMs } : { failure };
}
