import { startDaemon } from "./headcni/daemon.ts";
import { runningWire, startWire } from "./headcni/wire.ts";
import {
  controlPlanePrograms,
  startControlPlaneProgram,
  waitForApiServer,
} from "./kubernetes/control-plane/control-plane.ts";
import { containerProcess } from "./kubernetes/install/install.ts";
import { startContainerd } from "./kubernetes/node/containerd.ts";
import { startKubeProxy } from "./kubernetes/node/kube-proxy.ts";
import { startKubelet } from "./kubernetes/node/kubelet.ts";
import { LabError } from "./lab-error.ts";
import { nodeOf } from "./lab-store.ts";
import type { Lab, LabNode } from "./lab-types.ts";
import {
  endProcess,
  isAlive,
  type ProcessIdentity,
  readProcess,
  signalProcess,
} from "./processes/processes.ts";
import { runsSystemd } from "./systemd/systemd.ts";
import { unitProcess } from "./systemd/systemd-node.ts";
import { startDerp } from "./tailnet/derp.ts";
import { startHeadscale, waitForHeadscale } from "./tailnet/headscale.ts";
import { hostTailscaledProcess, startHostTailscaled } from "./tailnet/host-tailscaled.ts";
import { waitUntil } from "./wait-until.ts";

/** The programs of a lab that faults can hit and that exist once; those of the control plane only with a cluster. */
export const labServiceNames = ["headscale", "derp", ...controlPlanePrograms] as const;

/**
 * The programs that exist once per node. `tailscaled` carries pods: HeadCNI's, run by `wire`, or in mode host that of the node's owner,
 * which is `host-tailscaled` in both modes; the last three are a cluster's.
 */
export const nodeServiceNames = [
  "daemon",
  "wire",
  "tailscaled",
  "host-tailscaled",
  "containerd",
  "kubelet",
  "kube-proxy",
] as const;

/** A program of a lab, or of one of its nodes. */
export type Service =
  | { readonly name: (typeof labServiceNames)[number] }
  | { readonly name: (typeof nodeServiceNames)[number]; readonly node: string };

/** The process of a service while it runs. */
export async function serviceProcess(lab: Lab, service: Service): Promise<ProcessIdentity | undefined> {
  if (isOwners(lab, service)) return await ownersProcess(lab, nodeOf(lab, service.node));
  if (service.name === "tailscaled") return (await runningWire(nodeOf(lab, service.node)))?.tailscaled;
  if (service.name === "daemon" && isInstalled(lab))
    return await containerProcess(lab, nodeOf(lab, service.node), "headcni");
  if ("node" in service && runsSystemd(lab, nodeOf(lab, service.node))) {
    if (service.name === "daemon") return await unitProcess(lab, nodeOf(lab, service.node), "headcni");
    if (service.name === "wire") return await unitProcess(lab, nodeOf(lab, service.node), "headcni-wire");
  }
  if (service.name === "wire" && isInstalled(lab))
    return (await runningWire(nodeOf(lab, service.node)))?.launcher;
  const record = await readProcess(lab.processFolder, recordName(lab, service));
  return record !== undefined && isAlive(record) ? record : undefined;
}

/** Ends a service as its supervisor would (SIGTERM, later SIGKILL) and waits for its end. One that does not run is no error. */
export async function stopService(lab: Lab, service: Service): Promise<void> {
  const found = await serviceProcess(lab, service);
  if (found !== undefined) await endProcess(found, 20_000);
}

/** Ends a service with SIGKILL and waits for its end. One that does not run is no error. */
export async function killService(lab: Lab, service: Service): Promise<void> {
  const found = await serviceProcess(lab, service);
  if (found !== undefined) await endProcess(found, 0);
}

/** Stops a service where it stands (SIGSTOP): it holds its sockets and answers nothing. `resumeService` undoes it. */
export async function pauseService(lab: Lab, service: Service): Promise<void> {
  const found = await serviceProcess(lab, service);
  if (found !== undefined) signalProcess(found, "SIGSTOP");
}

/** Lets a paused service go on. */
export async function resumeService(lab: Lab, service: Service): Promise<void> {
  const found = await serviceProcess(lab, service);
  if (found !== undefined) signalProcess(found, "SIGCONT");
}

/** Starts a service that does not run and that systemd does not keep running; one that runs is left alone. Headscale answers when this returns, a daemon may not yet. */
export async function startService(lab: Lab, service: Service): Promise<void> {
  if ((await serviceProcess(lab, service)) !== undefined) return;
  switch (service.name) {
    case "headscale":
      await startHeadscale(lab);
      return await waitForHeadscale(lab);
    case "derp":
      return await startDerp(lab);
    case "daemon":
      if (isInstalled(lab)) return await untilKubeletStarts(lab, service);
      return await startDaemon(lab, nodeOf(lab, service.node));
    case "wire":
      if (nodeOf(lab, service.node).mode === "host")
        throw new LabError(
          "BAD_OPTION",
          `${service.node} is in mode host: nothing of HeadCNI runs tailscaled there`,
        );
      if (isInstalled(lab)) return await untilKubeletStarts(lab, service);
      return await startWire(lab, nodeOf(lab, service.node));
    case "etcd":
    case "kube-controller-manager":
    case "kube-scheduler":
      return await startControlPlaneProgram(lab, service.name);
    case "kube-apiserver":
      await startControlPlaneProgram(lab, service.name);
      return await waitForApiServer(lab);
    case "containerd":
      return await startContainerd(lab, nodeOf(lab, service.node));
    case "kubelet":
      return await startKubelet(lab, nodeOf(lab, service.node));
    case "kube-proxy":
      return await startKubeProxy(lab, nodeOf(lab, service.node));
    case "host-tailscaled":
      return await startHostTailscaled(lab, nodeOf(lab, service.node));
    case "tailscaled":
      if (nodeOf(lab, service.node).mode === "host")
        return await startHostTailscaled(lab, nodeOf(lab, service.node));
      throw new LabError(
        "BAD_OPTION",
        "HeadCNI's tailscaled is started by headcni-wire of its node: start that",
      );
    default: {
      const unhandled: never = service;
      return unhandled;
    }
  }
}

/** Whether a service is the tailscaled of a node's owner. */
function isOwners(
  lab: Lab,
  service: Service,
): service is { readonly name: "tailscaled" | "host-tailscaled"; readonly node: string } {
  return (
    service.name === "host-tailscaled" ||
    (service.name === "tailscaled" && nodeOf(lab, service.node).mode === "host")
  );
}

async function ownersProcess(lab: Lab, node: LabNode): Promise<ProcessIdentity | undefined> {
  return runsSystemd(lab, node)
    ? await unitProcess(lab, node, "tailscaled")
    : await hostTailscaledProcess(lab, node);
}

/** Whether the daemons are containers that kubelet starts, and starts again. */
function isInstalled(lab: Lab): boolean {
  return lab.options.kubernetes?.network === "chart";
}

/** kubelet waits before it starts again what ended more than once. */
async function untilKubeletStarts(lab: Lab, service: Service): Promise<void> {
  await waitUntil(async () => (await serviceProcess(lab, service)) !== undefined, {
    what: `kubelet starts the ${service.name} again`,
    timeoutMs: 120_000,
    everyMs: 200,
  });
}

function recordName(lab: Lab, service: Service): string {
  return "node" in service ? `${nodeOf(lab, service.node).name}-${service.name}` : service.name;
}
