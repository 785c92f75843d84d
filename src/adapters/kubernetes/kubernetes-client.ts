import type { WatchSource } from "../../domain/kubernetes/kubernetes-watch.ts";
import type { Kubernetes } from "../../ports/kubernetes.ts";
import { createApiTransport } from "./api-transport.ts";
import { createFollower, type WatchTarget } from "./follow-objects.ts";
import { nodeConfigReader } from "./kube-config.ts";
import { addressesPatch, conditionPatch, identityPatch, initializedPatch } from "./node-status.ts";
import { newEvent, repeatedEvent } from "./pod-events.ts";

export const serviceCidrsPath = "/apis/networking.k8s.io/v1/servicecidrs";

export interface KubernetesOptions {
  readonly nodeName: string;
  /** A kubeconfig; absent: the service account of the pod we run in. */
  readonly kubeconfig?: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Label selector of the pods that are followed; empty for all of this node. */
  readonly podSelector: string;
  /** An object that is not what the API promises was left out. */
  readonly rejected: (source: WatchSource) => void;
}

/** The Kubernetes API for this node. Nothing is read or connected before the first call. */
export function createKubernetes(options: KubernetesOptions): Kubernetes & { close(): Promise<void> } {
  const { nodeName, kubeconfig, environment, podSelector, rejected } = options;
  const transport = createApiTransport(nodeConfigReader(kubeconfig, environment));
  const targets: Readonly<Record<WatchSource, WatchTarget>> = {
    ownNode: { path: "/api/v1/nodes", query: { fieldSelector: `metadata.name=${nodeName}` } },
    nodes: { path: "/api/v1/nodes", query: {} },
    pods: {
      path: "/api/v1/pods",
      query: {
        fieldSelector: `spec.nodeName=${nodeName}`,
        ...(podSelector === "" ? {} : { labelSelector: podSelector }),
      },
    },
    serviceCidrs: { path: serviceCidrsPath, query: {} },
    networkPolicies: { path: "/apis/networking.k8s.io/v1/networkpolicies", query: {} },
    namespaces: { path: "/api/v1/namespaces", query: {} },
    // One that waits for its node has no address yet.
    clusterPods: { path: "/api/v1/pods", query: { fieldSelector: "spec.nodeName!=" } },
  };
  return {
    follow: createFollower({ transport, targets, rejected, random: Math.random }),
    async setNetworkCondition(condition, signal) {
      await transport.call(conditionPatch(nodeName, condition, Date.now()), signal);
    },
    async publishIdentity(identity, signal) {
      await transport.call(identityPatch(nodeName, identity), signal);
    },
    async writeAddresses(seen, wanted, signal) {
      await transport.call(addressesPatch(nodeName, seen, wanted), signal);
    },
    async removeUninitialized(place, signal) {
      await transport.call(initializedPatch(nodeName, place), signal);
    },
    async postReport(report, signal) {
      const { call, posted } = newEvent(report, nodeName, Date.now());
      await transport.call(call, signal);
      return posted;
    },
    async repeatReport(posted, count, signal) {
      await transport.call(repeatedEvent(posted, count, Date.now()), signal);
    },
    close: () => transport.close(),
  };
}
