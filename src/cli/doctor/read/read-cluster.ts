import * as z from "zod";
import { type ApiTransport, createApiTransport } from "../../../adapters/kubernetes/api-transport.ts";
import { nodeConfigReader } from "../../../adapters/kubernetes/kube-config.ts";
import { serviceCidrsPath } from "../../../adapters/kubernetes/kubernetes-client.ts";
import { KubernetesRequestError } from "../../../adapters/kubernetes/kubernetes-error.ts";
import { trim } from "../../../adapters/kubernetes/trim-objects.ts";
import { toFailure } from "../../../domain/failure.ts";
import type { KubernetesFacts } from "../judge/facts.ts";
import { factOf } from "./fact.ts";

export interface ReadClusterOptions {
  readonly nodeName: string;
  readonly kubeconfig: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** `kubernetes.publishNodeAddress`. */
  readonly publishesAddress: boolean;
  /** `kubernetes.networkPolicy`. */
  readonly networkPolicies: boolean;
}

const spec = z.object({
  podCIDR: z.string().optional(),
  podCIDRs: z.array(z.string()).optional(),
});
const node = z.object({ metadata: z.object({ name: z.string() }), spec });
const objectList = z.object({ items: z.array(z.unknown()) });
const review = z.object({ status: z.object({ allowed: z.boolean() }) });

/** What the daemon asks of the API server (deploy/, ClusterRole). */
const needed = [
  { verb: "list", resource: "nodes" },
  { verb: "watch", resource: "nodes" },
  { verb: "patch", resource: "nodes", subresource: "status" },
  { verb: "list", resource: "pods" },
  { verb: "watch", resource: "pods" },
  { verb: "list", group: "networking.k8s.io", resource: "servicecidrs" },
  { verb: "watch", group: "networking.k8s.io", resource: "servicecidrs" },
  { verb: "create", group: "events.k8s.io", resource: "events" },
  { verb: "patch", group: "events.k8s.io", resource: "events" },
] as const;
/** And with `kubernetes.publishNodeAddress`. */
const neededToPublish = [{ verb: "patch", resource: "nodes" }] as const;
/** And with `kubernetes.networkPolicy`. */
const neededForPolicies = [
  { verb: "list", resource: "namespaces" },
  { verb: "watch", resource: "namespaces" },
  { verb: "list", group: "networking.k8s.io", resource: "networkpolicies" },
  { verb: "watch", group: "networking.k8s.io", resource: "networkpolicies" },
] as const;

/** The cluster with the daemon's own credentials. */
export async function readCluster(
  options: ReadClusterOptions,
  signal: AbortSignal,
): Promise<KubernetesFacts> {
  const { kubeconfig, environment, nodeName, publishesAddress, networkPolicies } = options;
  const rights = [
    ...needed,
    ...(publishesAddress ? neededToPublish : []),
    ...(networkPolicies ? neededForPolicies : []),
  ];
  const transport = createApiTransport(nodeConfigReader(kubeconfig, environment));
  try {
    const unreachable = await transport.call({ method: "GET", path: "/version" }, signal).then(
      () => "",
      (error: unknown) => toFailure(error).message,
    );
    if (unreachable !== "") {
      const unknown = { unknown: unreachable };
      return {
        unreachable,
        ...{ ownPodCidrs: unknown, ownAddressing: unknown, nodes: unknown, serviceCidrs: unknown },
        forbidden: unknown,
      };
    }
    // From the list: the daemon may list Nodes, not get one.
    const nodes = await factOf(() => readNodes(transport, signal));
    const own = "unknown" in nodes ? undefined : nodes.value.find(({ name }) => name === nodeName);
    return {
      unreachable,
      ownPodCidrs: "unknown" in nodes ? nodes : { value: own?.podCidrs },
      ownAddressing: "unknown" in nodes ? nodes : { value: own?.addressing },
      nodes,
      serviceCidrs: await factOf(() => readServiceCidrs(transport, signal)),
      forbidden: await factOf(() => readForbidden(transport, rights, signal)),
    };
  } finally {
    await transport.close();
  }
}

async function readNodes(transport: ApiTransport, signal: AbortSignal) {
  const list = await transport.call({ method: "GET", path: "/api/v1/nodes" }, signal);
  return objectList.parse(list).items.map((item) => {
    const { metadata, spec: of } = node.parse(item);
    return { name: metadata.name, podCidrs: cidrsOf(of), addressing: trim.ownNode(item)?.addressing };
  });
}

/** None before Kubernetes 1.33, which does not know the kind. */
async function readServiceCidrs(transport: ApiTransport, signal: AbortSignal): Promise<readonly string[]> {
  try {
    const call = { method: "GET", path: serviceCidrsPath } as const;
    const { items } = objectList.parse(await transport.call(call, signal));
    return items.flatMap((item) => trim.serviceCidrs(item)?.prefixes ?? []);
  } catch (error) {
    if (error instanceof KubernetesRequestError && error.detail.code === "NOT_FOUND") return [];
    throw error;
  }
}

function cidrsOf({ podCIDR, podCIDRs }: z.output<typeof spec>): readonly string[] {
  return podCIDRs ?? (podCIDR === undefined ? [] : [podCIDR]);
}

async function readForbidden(
  transport: ApiTransport,
  rights: readonly { readonly verb: string; readonly resource: string; readonly subresource?: string }[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const asked = rights.map(async (right) => {
    const body = {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      spec: { resourceAttributes: right },
    };
    const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    const { status } = review.parse(await transport.call({ method: "POST", path, body }, signal));
    const object =
      right.subresource !== undefined ? `${right.resource}/${right.subresource}` : right.resource;
    return status.allowed ? [] : [`${right.verb} ${object}`];
  });
  return (await Promise.all(asked)).flat();
}
