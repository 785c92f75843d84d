import { CliError } from "../cli-error.ts";
import type { NodePod } from "./cluster-client.ts";

/** What stands between us and a pod, in words that name the pod and its node. */
export function podRefusal(pod: NodePod, why: string): CliError {
  return new CliError("DAEMON_UNREACHABLE", `pod ${pod.namespace}/${pod.pod} on ${pod.node}: ${why}`);
}

/** The words of what client-node rejects with: an error, or the event of a WebSocket that did not open. */
export function connectionError(error: unknown): string {
  const { message } = error as { readonly message?: unknown };
  return typeof message === "string" && message !== "" ? message : "refused";
}
