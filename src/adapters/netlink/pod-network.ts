import type { PodNetwork } from "../../ports/pod-network.ts";
import type { WorkerClient } from "./worker-client.ts";

/** The port PodNetwork: the worker does all the work but `removeLeaving`. */
export function podNetwork(client: WorkerClient, removeLeaving: PodNetwork["removeLeaving"]): PodNetwork {
  return {
    attach: (plan) => client.call("attach", plan),
    detach: (hostLink) => client.call("detach", hostLink),
    removeLeaving,
    list: () => client.call("list", null),
    recover: (routerAddresses) => client.call("recover", routerAddresses),
    check: (plan) => client.call("check", plan),
  };
}
