import { join } from "node:path";
import { hostPrefix } from "../../../src/domain/addresses/prefix.ts";
import { clusterOf } from "../kubernetes/cluster.ts";
import type { Lab, LabNode } from "../lab-types.ts";
import { underlayFamilies } from "../layout.ts";
import { bridgeAddress, bridgeAddress6 } from "../network/underlay.ts";
import { runsSystemd } from "../systemd/systemd.ts";
import { nodeTag } from "../tailnet/headscale.ts";
import { relayEnvironment, tailscaledEnvironment } from "../tailnet/host-tailscaled.ts";

/** The config of a node's HeadCNI daemon, as an object (written as JSON, which is YAML). */
export function daemonConfig(lab: Lab, node: LabNode): Record<string, unknown> {
  const { approval } = lab.options;
  const config: Record<string, unknown> = {
    nodeName: node.name,
    runtimeDir: node.runtimeDir,
    stateDir: node.stateDir,
    headscale: {
      url: lab.headscale.url,
      // In mode host the owner of the node's tailscaled logs it in.
      ...(node.mode === "host" ? {} : { authKeyFile: lab.headscale.authKeyFile }),
      approval,
      ...(approval === "api" ? { apiKeyFile: lab.headscale.apiKeyFile } : {}),
    },
    tailscale: tailscale(lab, node),
    network: { podCIDR: lab.supernets, ...nodeNetwork(lab, node) },
    ...clusterAccess(lab, node),
    cni: { confDir: node.cniConfDir, binDir: node.cniBinDir, ...clusterPlugins(lab) },
  };
  for (const [path, value] of Object.entries(lab.options.config)) setPath(config, path.split("."), value);
  return config;
}

function tailscale(lab: Lab, node: LabNode): Record<string, unknown> {
  if (node.mode === "host") {
    const bootUnit = runsSystemd(lab, node);
    return { mode: "host", socket: node.tailscaledSocket, bootUnit, tags: [nodeTag] };
  }
  return {
    binary: lab.tools.tailscaled,
    tags: [nodeTag],
    ...staticEndpoints(lab, node),
    environment: { ...tailscaledEnvironment, ...relayEnvironment(lab, node) },
  };
}

/** That of IPv4 where nothing translates it; IPv6 is found by STUN everywhere. */
function staticEndpoints(lab: Lab, node: LabNode): Record<string, unknown> {
  const known = node.natNetns === undefined && underlayFamilies(lab.options).includes(4);
  return known ? { staticEndpoints: [`${node.address}:41642`] } : {};
}

/** In a cluster the pod CIDR is what the Node says. */
function nodeNetwork(lab: Lab, node: LabNode): Record<string, unknown> {
  return lab.options.kubernetes === undefined
    ? { nodePodCIDR: node.podCIDRs }
    : { serviceCIDR: clusterOf(lab).serviceCIDRs, allowFromUnderlay: apiServerHosts(lab) };
}

/** The API server talks to pods (webhooks, the proxy of the API), and where it is on no node by way of those. */
export function apiServerHosts(lab: Lab): readonly string[] {
  if (clusterOf(lab).controlPlane !== undefined) return [];
  return lab.options.families.map((family) => hostPrefix({ 4: bridgeAddress, 6: bridgeAddress6 }[family]));
}

function clusterAccess(lab: Lab, node: LabNode): Record<string, unknown> {
  return lab.options.kubernetes === undefined
    ? {}
    : { kubernetes: { enabled: true, kubeconfig: daemonKubeconfig(node) } };
}

/** By which a node's daemon reaches the API server, if there is one. */
export function daemonKubeconfig(node: LabNode): string {
  return join(node.folder, "headcni.kubeconfig");
}

/** hostPort is portmap's; it asks for SNAT so that a pod reaches itself through its own hostPort. */
function clusterPlugins(lab: Lab): Record<string, unknown> {
  const portmap = { type: "portmap", capabilities: { portMappings: true }, snat: true };
  return lab.options.kubernetes === undefined ? {} : { plugins: [portmap] };
}

function setPath(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path;
  if (key === undefined) return;
  if (rest.length === 0) {
    target[key] = value;
    return;
  }
  const child = (target[key] ?? {}) as Record<string, unknown>;
  target[key] = child;
  setPath(child, rest, value);
}
