import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Lab } from "../../lab-types.ts";
import { tailOf } from "../../processes/log-tail.ts";
import { type ProcessStart, requireAlive, startProcess } from "../../processes/processes.ts";
import type { CommandLine } from "../../run-command.ts";
import { waitUntil } from "../../wait-until.ts";
import { type Cluster, clusterOf } from "../cluster.ts";
import { onNode } from "../node/node-machine.ts";
import { certificateOf, serviceAccountKey } from "./certificates.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import { kubectl } from "./kubectl.ts";

/** The programs of the control plane; each logs to `NAME.log` in the cluster's folder. */
export const controlPlanePrograms = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
] as const;

/** One of them. */
export type ControlPlaneProgram = (typeof controlPlanePrograms)[number];

/** Starts etcd and the API server and waits until the API server is ready; then the two that only talk to it. */
export async function startControlPlane(lab: Lab): Promise<void> {
  await startApiServer(lab);
  await startControlPlaneProgram(lab, "kube-controller-manager");
  await startControlPlaneProgram(lab, "kube-scheduler");
}

/** Starts etcd and the API server and waits until the API server is ready. */
export async function startApiServer(lab: Lab): Promise<void> {
  const cluster = clusterOf(lab);
  await mkdir(cluster.folder, { recursive: true });
  await writeKubeconfig(cluster, "admin", cluster.kubeconfig);
  await startControlPlaneProgram(lab, "etcd");
  await startControlPlaneProgram(lab, "kube-apiserver");
  await waitForApiServer(lab);
}

/** Starts one program of the control plane. */
export async function startControlPlaneProgram(lab: Lab, name: ControlPlaneProgram): Promise<void> {
  const cluster = clusterOf(lab);
  await startProcess(lab.processFolder, {
    name,
    netns: cluster.netns,
    ...(await onControlPlane(lab, await commandOf(lab, cluster, name))),
    // Memory for processor time: Go collects garbage less often.
    env: { GOGC: "400" },
    logFile: controlPlaneLog(cluster, name),
  });
}

/** Programs of a control plane that is on a node end with that node. */
async function onControlPlane(
  lab: Lab,
  command: CommandLine,
): Promise<Pick<ProcessStart, "command" | "forks">> {
  const { controlPlane } = clusterOf(lab);
  return controlPlane === undefined ? { command } : await onNode(lab, controlPlane, command);
}

/** Where a program of the control plane logs. */
export function controlPlaneLog(cluster: Cluster, name: ControlPlaneProgram): string {
  return join(cluster.folder, `${name}.log`);
}

/** Waits until the API server says that it is ready, its built-in roles included. */
export async function waitForApiServer(lab: Lab): Promise<void> {
  const ready = async () => {
    await requireAlive(lab.processFolder, "kube-apiserver");
    return (await kubectl(lab, ["get", "--raw=/readyz"]).catch(() => "")) === "ok";
  };
  await waitUntil(ready, {
    what: "the API server is ready",
    timeoutMs: 120_000,
    everyMs: 400,
    explain: () => tailOf(controlPlaneLog(clusterOf(lab), "kube-apiserver")),
  });
}

async function commandOf(lab: Lab, cluster: Cluster, name: ControlPlaneProgram): Promise<CommandLine> {
  const program = join(cluster.tools.kubernetes, name);
  switch (name) {
    case "etcd":
      return [cluster.tools.etcd, ...etcdFlags(cluster)];
    case "kube-apiserver":
      return [program, ...apiServerFlags(cluster)];
    case "kube-controller-manager": {
      const kubeconfig = await kubeconfigOf(cluster, "controller-manager");
      return [program, ...controllerManagerFlags(lab, cluster, kubeconfig)];
    }
    case "kube-scheduler": {
      const config = join(cluster.folder, "scheduler.json");
      await writeFile(config, JSON.stringify(schedulerConfig(await kubeconfigOf(cluster, "scheduler"))));
      return [program, `--config=${config}`, "--bind-address=127.0.0.1"];
    }
    default: {
      const unhandled: never = name;
      return unhandled;
    }
  }
}

async function kubeconfigOf(cluster: Cluster, holder: string): Promise<string> {
  return await writeKubeconfig(cluster, holder, join(cluster.folder, `${holder}.kubeconfig`));
}

function etcdFlags(cluster: Cluster): readonly string[] {
  return [
    `--data-dir=${join(cluster.folder, "etcd")}`,
    "--listen-client-urls=http://127.0.0.1:2379",
    "--advertise-client-urls=http://127.0.0.1:2379",
    "--listen-peer-urls=http://127.0.0.1:2380",
    "--unsafe-no-fsync",
  ];
}

function apiServerFlags(cluster: Cluster): readonly string[] {
  const server = certificateOf(cluster, "api-server");
  const client = certificateOf(cluster, "api-server-client");
  return [
    "--etcd-servers=http://127.0.0.1:2379",
    `--advertise-address=${cluster.apiAddress}`,
    "--secure-port=6443",
    `--service-cluster-ip-range=${cluster.serviceCIDRs.join()}`,
    `--service-account-issuer=https://kubernetes.default.svc.${cluster.dnsDomain}`,
    `--service-account-key-file=${serviceAccountKey(cluster)}`,
    `--service-account-signing-key-file=${serviceAccountKey(cluster)}`,
    `--client-ca-file=${certificateOf(cluster, "authority").certificate}`,
    `--tls-cert-file=${server.certificate}`,
    `--tls-private-key-file=${server.key}`,
    `--kubelet-client-certificate=${client.certificate}`,
    `--kubelet-client-key=${client.key}`,
    // By default it would look up the nodes' names, which nobody resolves here.
    "--kubelet-preferred-address-types=InternalIP",
    ...(cluster.options.nodeAddress === "tailnet"
      ? [`--kubelet-certificate-authority=${certificateOf(cluster, "authority").certificate}`]
      : []),
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    "--allow-privileged=true",
  ];
}

function schedulerConfig(kubeconfig: string): unknown {
  return {
    apiVersion: "kubescheduler.config.k8s.io/v1",
    kind: "KubeSchedulerConfiguration",
    clientConnection: { kubeconfig },
    leaderElection: { leaderElect: false },
    // By default a pod that had no node for a while waits 10 s more once there is one.
    podMaxBackoffSeconds: 1,
  };
}

function controllerManagerFlags(lab: Lab, cluster: Cluster, kubeconfig: string): readonly string[] {
  const authority = certificateOf(cluster, "authority");
  return [
    `--kubeconfig=${kubeconfig}`,
    "--leader-elect=false",
    "--bind-address=127.0.0.1",
    "--use-service-account-credentials",
    // With the default of 20 requests a second its controllers need 5 s to start.
    "--kube-api-qps=500",
    "--kube-api-burst=1000",
    `--service-account-private-key-file=${serviceAccountKey(cluster)}`,
    `--root-ca-file=${authority.certificate}`,
    ...(cluster.options.nodeAddress === "tailnet"
      ? [
          `--cluster-signing-cert-file=${authority.certificate}`,
          `--cluster-signing-key-file=${authority.key}`,
        ]
      : []),
    `--service-cluster-ip-range=${cluster.serviceCIDRs.join()}`,
    // Nodes of the lab bring their pod CIDR; what else registers gets one of the rest.
    "--allocate-node-cidrs",
    `--cluster-cidr=${lab.supernets.join()}`,
    // The mask by family is refused with one family, the one mask with two.
    ...(lab.supernets.length === 1
      ? ["--node-cidr-mask-size=24"]
      : ["--node-cidr-mask-size-ipv4=24", "--node-cidr-mask-size-ipv6=64"]),
  ];
}
