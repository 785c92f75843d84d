import type { Lab } from "../../lab-types.ts";
import { type CommandResult, runResult } from "../../run-command.ts";
import { getJson, kubectl, kubectlCommand } from "../control-plane/kubectl.ts";
import { imageNames } from "../images/lab-images.ts";

/** A running pod of the cluster. */
export type ClusterPod = {
  readonly name: string;
  readonly node: string;
  readonly address: string;
  readonly addresses: readonly string[];
};

/** Every pod of the workload tells who it is and who asks: `GET /cgi-bin/who` answers `POD ADDRESS`. */
export const whoPath = "/cgi-bin/who";

/** What a workload is to be. With `hostPort` at most one pod fits on a node. */
export type Workload = {
  readonly name: string;
  readonly replicas: number;
  readonly nodePort?: number;
  readonly hostPort?: number;
  /** Of its Service; Kubernetes' default is SingleStack. */
  readonly ipFamilyPolicy?: "SingleStack" | "PreferDualStack" | "RequireDualStack";
};

/** A Deployment whose pods are spread evenly over the nodes, and a Service of the same name before it. */
export function workloadObjects({
  name,
  replicas,
  nodePort,
  hostPort,
  ipFamilyPolicy = "SingleStack",
}: Workload): readonly unknown[] {
  const labels = { app: name };
  const container = {
    name: "who",
    image: imageNames.busybox,
    imagePullPolicy: "Never",
    ports: [{ name: "web", containerPort: 80, ...(hostPort === undefined ? {} : { hostPort }) }],
    readinessProbe: { httpGet: { path: whoPath, port: 80 }, periodSeconds: 1, timeoutSeconds: 10 },
  };
  const spread = {
    maxSkew: 1,
    topologyKey: "kubernetes.io/hostname",
    whenUnsatisfiable: "DoNotSchedule",
    labelSelector: { matchLabels: labels },
  };
  const template = {
    metadata: { labels },
    spec: {
      terminationGracePeriodSeconds: 1,
      enableServiceLinks: false,
      topologySpreadConstraints: [spread],
      containers: [container],
    },
  };
  const ports = [{ port: 80, ...(nodePort === undefined ? {} : { nodePort }) }];
  return [
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name, labels },
      spec: { replicas, selector: { matchLabels: labels }, template },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, labels },
      spec: {
        type: nodePort === undefined ? "ClusterIP" : "NodePort",
        selector: labels,
        ports,
        ipFamilyPolicy,
      },
    },
  ];
}

/** Waits until all pods of a workload are ready. Throws LabError COMMAND_FAILED after `seconds`. */
export async function waitForWorkload(lab: Lab, name: string, seconds = 60): Promise<void> {
  await kubectl(lab, ["rollout", "status", `deployment/${name}`, `--timeout=${seconds}s`]);
}

/** The pods of a workload that have an address and are not on their way out. */
export async function workloadPods(lab: Lab, name: string): Promise<readonly ClusterPod[]> {
  type Pod = {
    readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
    readonly spec: { readonly nodeName?: string };
    readonly status: { readonly podIP?: string; readonly podIPs?: readonly { readonly ip: string }[] };
  };
  const { items } = await getJson<{ readonly items: readonly Pod[] }>(lab, ["pods", "-l", `app=${name}`]);
  return items.flatMap(({ metadata, spec, status }) =>
    metadata.deletionTimestamp !== undefined || spec.nodeName === undefined || status.podIP === undefined
      ? []
      : [
          {
            name: metadata.name,
            node: spec.nodeName,
            address: status.podIP,
            addresses: (status.podIPs ?? []).map(({ ip }) => ip),
          },
        ],
  );
}

/** Runs a command in a pod of the cluster to its end. */
export async function execInClusterPod(
  lab: Lab,
  pod: ClusterPod,
  command: readonly string[],
  timeoutMs = 60_000,
): Promise<CommandResult> {
  return await runResult(kubectlCommand(lab, ["exec", pod.name, "--", ...command]), { timeoutMs });
}
