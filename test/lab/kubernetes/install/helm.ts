import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { apiServerHosts, daemonConfig } from "../../headcni/daemon-config.ts";
import { LabError } from "../../lab-error.ts";
import type { Lab, LabNode, Mode } from "../../lab-types.ts";
import { inNetns } from "../../network/netns.ts";
import { type CommandLine, run } from "../../run-command.ts";
import { runsSystemd } from "../../systemd/systemd.ts";
import { type Cluster, clusterOf } from "../cluster.ts";
import type { InstallTools } from "../cluster-types.ts";

/** The release by which HeadCNI is installed in a lab; where nodes are in both modes, that of mode daemon. */
export const release = { name: "headcni", namespace: "kube-system" } as const;

/** One of a lab's releases: its name, also that of its DaemonSet, and whose nodes it is for. */
export type Release = { readonly name: string; readonly mode: Mode };

/** A release for each mode of a lab's nodes. */
export function releasesOf({ nodes }: Lab): readonly Release[] {
  const modes = (["daemon", "host"] as const).filter((mode) => nodes.some((node) => node.mode === mode));
  return modes.map((mode, index) => ({ name: index === 0 ? release.name : `${release.name}-${mode}`, mode }));
}

/** By which the nodes of one mode are told from those of the other, where a lab has both. */
export function modeLabels({ nodes }: Lab, { mode }: LabNode): Readonly<Record<string, string>> {
  return nodes.every((node) => node.mode === mode) ? {} : { "example.org/tailscale-mode": mode };
}

export const chartFolder = join(import.meta.dirname, "..", "..", "..", "..", "deploy", "chart", "headcni");

/** The command line of helm as the cluster's administrator, from where the API server is reached. */
function helmCommand(lab: Lab, args: readonly string[]): CommandLine {
  const cluster = clusterOf(lab);
  const access = [`--kubeconfig=${cluster.kubeconfig}`, `--namespace=${release.namespace}`];
  return inNetns(cluster.netns, [installTools(cluster).helm, ...access, ...args]);
}

/** Runs helm and returns what it printed. Throws LabError COMMAND_FAILED. */
export async function helm(lab: Lab, args: readonly string[]): Promise<string> {
  const home = join(clusterOf(lab).folder, "helm");
  await mkdir(home, { recursive: true });
  const env = { HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home };
  return await run(helmCommand(lab, args), { env, timeoutMs: 300_000 });
}

/** What is needed to install; throws LabError BAD_OPTION in a lab that was started without it. */
function installTools({ tools }: Cluster): InstallTools {
  if (tools.install !== undefined) return tools.install;
  throw new LabError(
    "BAD_OPTION",
    "HeadCNI is no guest of this lab's cluster: start one with network chart or none",
  );
}

/**
 * Writes the values of a lab's installation (of its first release, or of another), with the auth key in them, and returns the file.
 * `unknown`: keys of `network` that an earlier release's chart refuses.
 */
export async function writeValues(
  lab: Lab,
  unknown: readonly string[] = [],
  of: Release | undefined = releasesOf(lab)[0],
): Promise<string> {
  if (of === undefined) throw new LabError("NO_SUCH_NODE", "a lab without nodes");
  const cluster = clusterOf(lab);
  const file = join(cluster.folder, `values-${of.name}.json`);
  const { network, ...others } = await valuesOf(lab, of);
  const known = Object.entries(network).filter(([key]) => !unknown.includes(key));
  const values = { ...others, network: Object.fromEntries(known) };
  await writeFile(file, JSON.stringify(values, null, 2), { mode: 0o600 });
  return file;
}

async function valuesOf(lab: Lab, { name, mode }: Release) {
  const node = lab.nodes.find((candidate) => candidate.mode === mode);
  if (node === undefined) throw new LabError("NO_SUCH_NODE", "a lab without nodes");
  const cluster = clusterOf(lab);
  const { image } = installTools(cluster);
  const at = image.name.lastIndexOf(":");
  const { authKeyFile, apiKeyFile } = lab.headscale;
  return {
    image: { repository: image.name.slice(0, at), tag: image.name.slice(at + 1), pullPolicy: "Never" },
    headscale: {
      url: lab.headscale.url,
      approval: lab.options.approval,
      // In mode host the nodes' owners log in.
      ...(mode === "daemon" && lab.options.approval !== "controller"
        ? { authKey: (await run(["cat", authKeyFile])).trim() }
        : {}),
      ...(lab.options.approval !== "policy" ? { apiKey: (await run(["cat", apiKeyFile])).trim() } : {}),
    },
    network: {
      podCIDR: lab.supernets,
      serviceCIDR: cluster.serviceCIDRs,
      allowFromUnderlay: apiServerHosts(lab),
    },
    ...(cluster.options.nodeAddress === "tailnet" ? { publishNodeAddress: true } : {}),
    ...(mode === "host" ? { tailscale: { mode, bootUnit: runsSystemd(lab, node) } } : {}),
    ...(name === release.name ? {} : { fullnameOverride: name }),
    nodeSelector: modeLabels(lab, node),
    config: sharedConfig(daemonConfig(lab, node)),
  };
}

/** Of a node's configuration what is the same on all nodes and no value of the chart. */
function sharedConfig(config: Record<string, unknown>): Record<string, unknown> {
  const { tailscale, network, ...rest } = config as Record<string, Record<string, unknown>>;
  const {
    mode: _mode,
    socket: _socket,
    bootUnit: _bootUnit,
    binary: _binary,
    staticEndpoints: _endpoints,
    ...sharedTailscale
  } = tailscale ?? {};
  const {
    podCIDR: _pods,
    nodePodCIDR: _own,
    serviceCIDR: _services,
    allowFromUnderlay: _senders,
    ...sharedNetwork
  } = network ?? {};
  const chartKnows = ["nodeName", "runtimeDir", "stateDir", "headscale", "kubernetes", "cni"];
  const others = Object.entries(rest).filter(([section]) => !chartKnows.includes(section));
  return { ...Object.fromEntries(others), network: sharedNetwork, tailscale: sharedTailscale };
}
