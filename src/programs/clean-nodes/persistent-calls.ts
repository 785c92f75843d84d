import { setTimeout as delay } from "node:timers/promises";
import type { ApiTransport } from "../../adapters/kubernetes/api-transport.ts";
import { KubernetesRequestError } from "../../adapters/kubernetes/kubernetes-error.ts";

export type ApiCalls = Pick<ApiTransport, "call">;

const defaults = { everyMs: 1_000, patienceMs: 30_000 };

/**
 * Makes a call again while the API server cannot be reached, for `patienceMs`. In host mode the way to it may go by the very tailscaled
 * whose preferences the clean-up edits, which interrupts it for moments. Throws KubernetesRequestError.
 */
export function persistentCalls({ call }: ApiCalls, { everyMs, patienceMs } = defaults): ApiCalls {
  return {
    async call(request, signal) {
      const deadline = performance.now() + patienceMs;
      for (let again = false; ; again = true) {
        try {
          return await call(request, signal);
        } catch (error) {
          if (again && request.method === "POST" && isThere(error)) return undefined;
          if (!isUnreachable(error) || signal.aborted || performance.now() > deadline) throw error;
        }
        await delay(everyMs, undefined, { signal });
      }
    },
  };
}

function isUnreachable(error: unknown): boolean {
  return error instanceof KubernetesRequestError && error.detail.code === "UNREACHABLE";
}

/** What an earlier try, whose answer was lost, has made. */
function isThere(error: unknown): boolean {
  if (!(error instanceof KubernetesRequestError)) return false;
  const { detail } = error;
  return detail.code === "REJECTED" && detail.reason === "AlreadyExists";
}
