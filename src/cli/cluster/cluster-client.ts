import { homedir } from "node:os";
import { join } from "node:path";
import * as z from "zod";
import { createApiTransport } from "../../adapters/kubernetes/api-transport.ts";
import { type KubeConfigReader, kubeConfigReader } from "../../adapters/kubernetes/kube-config.ts";
import { HeadcniError } from "../../domain/failure.ts";
import { CliError } from "../cli-error.ts";
import type { CliContext } from "../command.ts";

/** HeadCNI's pod of one node. */
export interface NodePod {
  readonly node: string;
  readonly namespace: string;
  readonly pod: string;
  /** Where kubelet asks the daemon whether it lives: its pages, /inspect among them, are there. */
  readonly pages: { readonly host: string; readonly port: number };
}

/** A cluster whose API server leads to HeadCNI's pods. Throws CliError. */
export interface ClusterClient {
  readonly config: KubeConfigReader;
  /** By node name. */
  nodePods(): Promise<readonly NodePod[]>;
  /** What the API server says to those whose role lacks pods/portforward; WebSocket hides it. Otherwise undefined. */
  whyRefused(pod: NodePod): Promise<CliError | undefined>;
  close(): Promise<void>;
}

/** The container of the chart's DaemonSet in which the daemon and headcnictl are. */
export const daemonContainer = "headcni";

/** Labels of the chart's DaemonSet (deploy/chart/headcni). */
const labelSelector = "app.kubernetes.io/name=headcni,app.kubernetes.io/component=daemon";

const podListSchema = z.object({
  items: z.array(
    z.object({
      metadata: z.object({
        name: z.string(),
        namespace: z.string(),
        deletionTimestamp: z.string().optional(),
      }),
      spec: z.object({
        nodeName: z.string().optional(),
        containers: z.array(
          z.object({
            name: z.string(),
            livenessProbe: z
              .object({
                httpGet: z
                  .object({ host: z.string().optional(), port: z.union([z.number(), z.string()]) })
                  .optional(),
              })
              .optional(),
          }),
        ),
      }),
    }),
  ),
});

export function openCluster({ target, environment, signal }: CliContext): ClusterClient {
  const config = kubectlConfigReader(target, environment);
  const transport = createApiTransport(config);
  return {
    config,
    nodePods: async () => {
      const within = target.namespace === undefined ? "" : `/namespaces/${target.namespace}`;
      const list = await transport
        .call({ method: "GET", path: `/api/v1${within}/pods`, query: { labelSelector } }, signal)
        .then((answer) => podListSchema.parse(answer))
        .catch((error: unknown) => {
          throw clusterError(error, "HeadCNI's pods cannot be listed");
        });
      return list.items
        .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
        .flatMap(({ metadata: { namespace, name: pod }, spec: { nodeName: node, containers } }) =>
          node === undefined ? [] : [{ node, namespace, pod, pages: pagesOf(containers) }],
        )
        .toSorted((one, other) => one.node.localeCompare(other.node, "en", { numeric: true }));
    },
    whyRefused: async ({ namespace, pod, node }) => {
      const path = `/api/v1/namespaces/${namespace}/pods/${pod}/portforward`;
      try {
        await transport.call({ method: "GET", path, query: { ports: "1" } }, signal);
        return undefined;
      } catch (error) {
        // Those who may are told that such a request must be an upgrade.
        return error instanceof HeadcniError && error.detail.code === "FORBIDDEN"
          ? clusterError(error, `cannot reach pod ${namespace}/${pod} on ${node}`)
          : undefined;
      }
    },
    close: () => transport.close(),
  };
}

/** By the daemon's liveness probe, in which the chart names both; without one, the daemon's defaults. */
function pagesOf(containers: PodContainers): NodePod["pages"] {
  const probe = containers.find(({ name }) => name === daemonContainer)?.livenessProbe?.httpGet;
  const port = Number(probe?.port);
  return { host: probe?.host ?? "127.0.0.1", port: Number.isInteger(port) ? port : 9797 };
}

type PodContainers = z.output<typeof podListSchema>["items"][number]["spec"]["containers"];

/** The same words for everything that stands between us and a pod. */
export function clusterError(error: unknown, what: string): CliError {
  const message = error instanceof Error ? error.message : String(error);
  const badFile = error instanceof HeadcniError && error.detail.code === "ACCESS_INVALID";
  return new CliError(badFile ? "USAGE" : "DAEMON_UNREACHABLE", `${what}: ${message}`, error);
}

/** As kubectl finds it: the option, the files of KUBECONFIG, the one in the home directory. */
export function kubectlConfigReader(
  { kubeconfig, kubeContext }: CliContext["target"],
  environment: CliContext["environment"],
): KubeConfigReader {
  const named = (kubeconfig ?? environment["KUBECONFIG"] ?? "").split(":").filter((path) => path !== "");
  const paths = named.length > 0 ? named : [join(environment["HOME"] ?? homedir(), ".kube", "config")];
  return kubeConfigReader(kubeconfig === undefined ? paths : [kubeconfig], kubeContext);
}
