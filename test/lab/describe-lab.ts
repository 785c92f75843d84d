import { runningWire } from "./headcni/wire.ts";
import { clusterOf, containerdSocket } from "./kubernetes/cluster.ts";
import type { Lab, LabNode } from "./lab-types.ts";
import { netnsPath } from "./network/netns.ts";
import { serviceProcess } from "./services.ts";

/** What `up --json` prints: everything another program needs to use the lab. Paths are absolute, pids are those of now. */
export async function describeLab(lab: Lab): Promise<Record<string, unknown>> {
  const { url, debugUrl, apiKeyFile, logFile } = lab.headscale;
  return {
    id: lab.id,
    folder: lab.folder,
    podCIDRs: lab.supernets,
    podCIDR: lab.supernet,
    headscale: { url, debugUrl, apiKeyFile, netns: lab.netns, logFile },
    derp: { url: lab.derp.url, regionId: lab.derp.regionId, netns: lab.netns, logFile: lab.derp.logFile },
    ...describeCluster(lab),
    nodes: await Promise.all(lab.nodes.map((node) => describeNode(lab, node))),
  };
}

function describeCluster(lab: Lab): Record<string, unknown> {
  if (lab.options.kubernetes === undefined) return {};
  const { kubeconfig, netns, options, apiUrl, controlPlane } = clusterOf(lab);
  return {
    kubeconfig,
    controlPlaneNode: controlPlane?.name ?? null,
    controlPlaneNetns: netns,
    apiUrl,
    ...options,
  };
}

/** One node of what `describeLab` tells. */
export async function describeNode(lab: Lab, node: LabNode): Promise<Record<string, unknown>> {
  const daemon = await serviceProcess(lab, { name: "daemon", node: node.name });
  const tailscaled = await serviceProcess(lab, { name: "tailscaled", node: node.name });
  const wire = await runningWire(node);
  return {
    name: node.name,
    mode: node.mode,
    netns: node.netns,
    address: node.address,
    address6: node.address6 ?? null,
    podCIDRs: node.podCIDRs,
    routerAddresses: node.routerAddresses,
    podCIDR: node.podCIDR,
    routerAddress: node.routerAddress,
    cniBinDir: node.cniBinDir,
    cniConfDir: node.cniConfDir,
    daemonPid: daemon?.pid ?? null,
    tailscaledPid: tailscaled?.pid ?? null,
    cniSocket: node.cniSocket,
    httpSocket: node.httpSocket,
    metricsUrl: node.metricsUrl,
    tailscaledSocket: node.tailscaledSocket,
    tailnetNetns:
      node.mode === "host"
        ? netnsPath(node.netns)
        : wire === undefined
          ? null
          : `/proc/${wire.launcher.pid}/ns/net`,
    wirePid: wire?.launcher.pid ?? null,
    ...(lab.options.kubernetes === undefined ? {} : { containerdSocket: containerdSocket(node) }),
    hostTailscaledSocket: node.hostTailscaledSocket ?? null,
    runtimeDir: node.runtimeDir,
    stateDir: node.stateDir,
    configFile: node.configFile,
    logFile: node.logFile,
  };
}
