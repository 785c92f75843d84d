import { randomBytes } from "node:crypto";
import { ensureTools, provideDaemon } from "./build/tools.ts";
import { prepareNode, startDaemon, waitForDaemon } from "./headcni/daemon.ts";
import { startWire } from "./headcni/wire.ts";
import { clusterOf, firstTailnetAddress } from "./kubernetes/cluster.ts";
import { makeCertificates } from "./kubernetes/control-plane/certificates.ts";
import { bootNode, hasMachines } from "./kubernetes/node/node-machine.ts";
import { provideReferenceNetwork } from "./kubernetes/reference-network.ts";
import { startCluster } from "./kubernetes/start-cluster.ts";
import { LabError } from "./lab-error.ts";
import { claimLab, saveLab } from "./lab-store.ts";
import type { Lab, LabNode, LabOptions } from "./lab-types.ts";
import { labFolder, layOut, underlayFamilies } from "./layout.ts";
import { buildUnderlay, cableNode } from "./network/underlay.ts";
import { type Progress, silent } from "./progress.ts";
import { stopLab } from "./stop-lab.ts";
import { runsSystemd } from "./systemd/systemd.ts";
import { startSystemdNode } from "./systemd/systemd-node.ts";
import { startDerp, writeDerpMap } from "./tailnet/derp.ts";
import { bootstrapHeadscale, startHeadscale, waitForHeadscale } from "./tailnet/headscale.ts";
import { joinHostTailscaled, runHostTailscaled } from "./tailnet/host-tailscaled.ts";
import { tailnetAddresses } from "./tailnet/local-api.ts";
import { startStandIn } from "./tailnet/stand-in.ts";

const defaults: LabOptions = {
  nodes: 2,
  approval: "policy",
  tuning: "default",
  hostTailscaled: [],
  behindNat: [],
  relayOnly: [],
  cacheNetworkMaps: true,
  daemon: "bundle",
  families: [4],
  config: {},
};

/** What `startLab` takes: any of the options, and what belongs to this start only. */
export type StartOptions = Partial<LabOptions> & {
  readonly id?: string;
  readonly progress?: Progress;
  /** Leaves a lab that did not come up as it is, for a look; otherwise it is taken down. */
  readonly keepBroken?: boolean;
  /** Told the lab's id as soon as there is something to take down. */
  readonly onClaimed?: (labId: string) => void;
};

/**
 * Starts a lab: builds what is missing, brings up the underlay, the relay, Headscale and the nodes, and returns when
 * every daemon is ready and proven. Several labs can run at once.
 */
export async function startLab(start: StartOptions): Promise<Lab> {
  const { id, progress = silent, keepBroken = false, onClaimed, ...wanted } = start;
  if (process.getuid?.() !== 0)
    throw new LabError("NOT_ROOT", "the lab makes network namespaces: run it as root");
  const options = checked({ ...defaults, ...wanted });
  const tools = await ensureTools(options, progress);
  if (id !== undefined && !/^[a-z0-9]{1,8}$/.test(id)) {
    throw new LabError("BAD_OPTION", `"${id}" is no lab id: 1 to 8 of a-z and 0-9`);
  }
  const labId = id ?? randomBytes(2).toString("hex");
  await claimLab(labId);
  onClaimed?.(labId);
  try {
    const installed = options.kubernetes?.network === "chart";
    const daemon = await provideDaemon(installed ? "none" : options.daemon, labFolder(labId));
    const lab = layOut(labId, options, tools, daemon);
    await saveLab(lab);
    await bringUp(lab, progress);
    return lab;
  } catch (error) {
    if (!keepBroken) await stopLab(labId, progress);
    throw error;
  }
}

async function bringUp(lab: Lab, progress: Progress): Promise<void> {
  const { kubernetes } = lab.options;
  const names = lab.nodes.map((node) => node.name).join(", ");
  progress(`Lab ${lab.id}: an underlay with the nodes ${names}`);
  await buildUnderlay(lab);
  await cableNodes(lab);
  await Promise.all(
    lab.nodes.filter((node) => !runsSystemd(lab, node)).map((node) => prepareNode(lab, node)),
  );
  if (kubernetes === undefined) {
    await startServers(lab, progress);
    await Promise.all(lab.nodes.map((node) => bringUpNode(lab, node, progress)));
    return;
  }
  const machines = hasMachines(lab) ? lab.nodes : [];
  await Promise.all([makeCertificates(lab), ...machines.map((node) => bootNode(lab, node))]);
  const tailnet = kubernetes.network === "reference" ? Promise.resolve() : startTailnet(lab, progress);
  await bothOrFirstError(bringUpNetwork(lab, tailnet, progress), startCluster(lab, tailnet, progress));
}

/** Waits for both to end, so that nothing is still being started when the lab is taken down after an error. */
async function bothOrFirstError(...jobs: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(jobs);
  await Promise.all(jobs);
}

/** Starts the relay and Headscale. */
async function startServers(lab: Lab, progress: Progress): Promise<void> {
  await writeDerpMap(lab);
  await Promise.all([startDerp(lab), startHeadscale(lab)]);
  await waitForHeadscale(lab);
  // Else its administrator does it.
  if (lab.options.kubeadm !== true) await bootstrapHeadscale(lab);
  progress(`Headscale answers at ${lab.headscale.url} (in namespace ${lab.netns})`);
}

/** Starts what a cluster's nodes find there: the relay, Headscale, and the tailscaleds that their owners run. */
async function startTailnet(lab: Lab, progress: Progress): Promise<void> {
  await startServers(lab, progress);
  const { controlPlane } = clusterOf(lab);
  if (controlPlane !== undefined) await joinFirst(lab, controlPlane);
  const others = lab.nodes.filter((node) => node !== controlPlane);
  await Promise.all(others.map((node) => runHostTailscaled(lab, node)));
}

/** Its address is in certificates and kubeconfigs by now. Throws LabError NOT_READY if Headscale gave it another. */
async function joinFirst(lab: Lab, node: LabNode): Promise<void> {
  await runHostTailscaled(lab, node);
  const address = (await tailnetAddresses(node))[4];
  if (address !== firstTailnetAddress)
    throw new LabError("NOT_READY", `${node.name} has ${address} in the tailnet, not ${firstTailnetAddress}`);
}

/** Gives the nodes of a cluster their network where nothing is installed in the cluster for that. */
async function bringUpNetwork(lab: Lab, tailnet: Promise<void>, progress: Progress): Promise<void> {
  switch (clusterOf(lab).options.network) {
    case "reference":
      await Promise.all(lab.nodes.map((node) => provideReferenceNetwork(lab, node)));
      return;
    case "headcni":
      await tailnet;
      await Promise.all(lab.nodes.map((node) => startHeadcni(lab, node, progress)));
      return;
    default:
      await tailnet;
  }
}

async function cableNodes(lab: Lab): Promise<void> {
  // One after another: they share the bridge, and each takes a few milliseconds.
  for (const node of lab.nodes) await cableNode(lab, node);
}

/** Starts what connects a node to the tailnet in a lab without a cluster, and waits until that is ready. */
export async function bringUpNode(lab: Lab, node: LabNode, progress: Progress): Promise<void> {
  if (runsSystemd(lab, node)) {
    await startSystemdNode(lab, node, progress);
    // Its unit started it.
    if (node.mode === "host" && lab.options.kubeadm !== true) await joinHostTailscaled(lab, node);
    return;
  }
  const owners = runHostTailscaled(lab, node);
  if (lab.daemon === undefined) {
    await bothOrFirstError(owners, startStandIn(lab, node));
    return;
  }
  if (node.mode === "host") await owners;
  await bothOrFirstError(owners, startHeadcni(lab, node, progress));
}

/** Starts HeadCNI on a node as processes and waits until it is ready. */
async function startHeadcni(lab: Lab, node: LabNode, progress: Progress): Promise<void> {
  const start = performance.now();
  if (node.mode === "daemon") await startWire(lab, node);
  await startDaemon(lab, node);
  await waitForDaemon(lab, node);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  progress(`Node ${node.name} is ready after ${seconds} s: pods of ${node.podCIDRs.join(" and ")}`);
}

function checked(options: LabOptions): LabOptions {
  if (!Number.isInteger(options.nodes) || options.nodes < 1 || options.nodes > 99) {
    throw new LabError("BAD_OPTION", `a lab has 1 to 99 nodes, not ${options.nodes}`);
  }
  const names = Array.from({ length: options.nodes }, (_, index) => `n${index + 1}`);
  const { hostTailscaled, behindNat, relayOnly, systemd = [] } = options;
  for (const name of [...hostTailscaled, ...behindNat, ...relayOnly, ...systemd]) {
    if (!names.includes(name))
      throw new LabError("NO_SUCH_NODE", `no node "${name}"; there are: ${names.join(", ")}`);
  }
  const { daemon, kubernetes, families } = options;
  const [main] = families;
  if (kubernetes !== undefined && (main !== 4 || !underlayFamilies(options).includes(4)))
    throw new LabError("BAD_OPTION", "a lab's API server has an IPv4 address, so its cluster has IPv4, too");
  if (
    families.includes(6) &&
    (kubernetes === undefined ? daemon === "none" : kubernetes.network === "reference")
  )
    throw new LabError("BAD_OPTION", "only HeadCNI gives a lab's pods IPv6 addresses");
  if (kubernetes?.network === "headcni" && daemon === "none")
    throw new LabError("BAD_OPTION", "a cluster without the daemon has another network than HeadCNI");
  if (kubernetes?.apiOnly === true && kubernetes.network !== "headcni")
    throw new LabError("BAD_OPTION", "a cluster without kubelets has the network headcni");
  if (kubernetes !== undefined && systemd.length > 0)
    throw new LabError("BAD_OPTION", "--systemd goes without --kubernetes");
  checkMode(options);
  return options;
}

/** In mode host nothing but HeadCNI's daemon uses the tailscaled of the node's owner. */
function checkMode({ mode = "daemon", daemon, kubernetes, kubeadm, nodes, systemd = [] }: LabOptions): void {
  if (kubeadm === true && (mode !== "host" || systemd.length !== nodes))
    throw new LabError(
      "BAD_OPTION",
      "kubeadm is for labs whose nodes are all in mode host and run by systemd",
    );
  if (mode === "daemon") return;
  if (kubernetes?.network === "reference")
    throw new LabError("BAD_OPTION", `the reference network has no tailnet, so no mode ${mode} either`);
  if (kubernetes === undefined && daemon === "none" && kubeadm !== true)
    throw new LabError("BAD_OPTION", `without the daemon nobody gives pods addresses in mode ${mode}`);
  if (kubernetes?.nodeAddress !== undefined)
    throw new LabError("BAD_OPTION", "publishNodeAddress is for labs whose nodes are all in mode daemon");
}
