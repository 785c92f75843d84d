import type { PodNetwork } from "../../../ports/pod-network.ts";
import type { WorkerClient } from "../worker/worker-client.ts";

/** The port PodNetwork: every method but `removeLeaving` is one request to the worker. */
export function podNetwork(
  { command }: WorkerClient,
  removeLeaving: PodNetwork["removeLeaving"],
): PodNetwork {
  return {
    attach: command("attach"),
    detach: command("detach"),
    removeLeaving,
    list: command("list"),
    recover: command("recover"),
    check: command("check"),
  };
}
