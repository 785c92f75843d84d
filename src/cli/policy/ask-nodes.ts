import * as z from "zod";
import { type ApiTransport, createApiTransport } from "../../adapters/kubernetes/api-transport.ts";
import { type KubeConfigReader, nodeConfigReader } from "../../adapters/kubernetes/kube-config.ts";
import { KubernetesRequestError } from "../../adapters/kubernetes/kubernetes-error.ts";
import { listPages } from "../../adapters/kubernetes/list-pages.ts";
import { trim } from "../../adapters/kubernetes/trim-objects.ts";
import type { ExaminedConfig } from "../../config/load-config.ts";
import {
  type ApiServerPlace,
  type ClusterFacts,
  kubeletPort,
  type PolicyNode,
} from "../../domain/headscale-policy/policy-needs.ts";
import { CliError } from "../cli-error.ts";
import { kubectlConfigReader } from "../cluster/cluster-client.ts";
import type { CliCall, CliContext } from "../command.ts";

/** A Node, and who it says it is in the tailnet. */
export interface AskedNode extends PolicyNode {
  /** Headscale's ID; empty while it has published none. */
  readonly tailnetNodeId: string;
}

/**
 * Where the Nodes are asked for; undefined when they are not to be: the cluster that the command line or KUBECONFIG names, the daemon's own,
 * or, without a configuration, kubectl's.
 */
export function nodeSource(
  { context: { target, environment }, options }: CliCall,
  { get, problems }: ExaminedConfig,
): KubeConfigReader | undefined {
  if (options["withoutNodes"] === true) return undefined;
  const named = target.kubeconfig ?? target.kubeContext ?? environment["KUBECONFIG"];
  if (named !== undefined) return kubectlConfigReader(target, environment);
  const kubeconfig = get("kubernetes.kubeconfig");
  if (get("kubernetes.enabled") === true)
    return nodeConfigReader(typeof kubeconfig === "string" ? kubeconfig : undefined, environment);
  const unread = problems.some(({ path }) => path === "");
  return unread ? kubectlConfigReader(target, environment) : undefined;
}

const ports = z.object({
  status: z.object({
    daemonEndpoints: z.object({ kubeletEndpoint: z.object({ Port: z.int().positive() }) }),
  }),
});
const slices = z.object({
  items: z.array(
    z.object({
      endpoints: z.array(z.object({ addresses: z.array(z.string()) })).nullish(),
      ports: z.array(z.object({ port: z.int().positive().nullish() })).nullish(),
    }),
  ),
});

/** Throws CliError; no Nodes at all are an error, too. */
export async function askNodes(
  readConfig: KubeConfigReader,
  { signal, progress }: Pick<CliContext, "signal" | "progress">,
): Promise<ClusterFacts & { readonly nodes: readonly AskedNode[] }> {
  progress.step("Reading the cluster's Nodes");
  const transport = createApiTransport(readConfig);
  try {
    const nodes: AskedNode[] = [];
    await listPages(
      transport,
      { path: "/api/v1/nodes", query: {} },
      (item) => nodes.push(...readNode(item)),
      signal,
    );
    if (nodes.length === 0)
      throw new CliError(
        "NOT_FOUND",
        "the cluster has no Nodes yet\n--without-nodes takes what the configuration says as all",
      );
    return { nodes, apiServer: await readApiServer(transport, signal) };
  } catch (error) {
    if (error instanceof CliError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    const badFile = error instanceof KubernetesRequestError && error.detail.code === "ACCESS_INVALID";
    throw new CliError(
      badFile ? "USAGE" : "FAILED",
      `the Nodes cannot be read: ${message}\nname a cluster with --kubeconfig, or give --without-nodes`,
      error,
    );
  } finally {
    progress.end();
    await transport.close();
  }
}

function readNode(item: unknown): readonly AskedNode[] {
  const node = trim.nodes(item);
  if (node === undefined) return [];
  const told = ports.safeParse(item).data?.status.daemonEndpoints.kubeletEndpoint.Port;
  const { name, addresses, tailnetNodeId } = node;
  return [{ name, addresses, tailnetNodeId, kubeletPort: told ?? kubeletPort }];
}

/** Where the Service `kubernetes` leads; undefined for those who may not know, such as the daemon's account. */
async function readApiServer(
  transport: ApiTransport,
  signal: AbortSignal,
): Promise<readonly ApiServerPlace[] | undefined> {
  const path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
  const query = { labelSelector: "kubernetes.io/service-name=kubernetes" };
  try {
    const { items } = slices.parse(await transport.call({ method: "GET", path, query }, signal));
    return items.flatMap(({ endpoints, ports: of }) =>
      (endpoints ?? []).flatMap(({ addresses }) =>
        addresses.flatMap((address) =>
          (of ?? []).flatMap(({ port }) => (port == null ? [] : [{ address, port, names: [] }])),
        ),
      ),
    );
  } catch (error) {
    if (error instanceof KubernetesRequestError && error.detail.code === "FORBIDDEN") return undefined;
    throw error;
  }
}
