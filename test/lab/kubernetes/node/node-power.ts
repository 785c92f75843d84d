import { join } from "node:path";
import { startDaemon } from "../../headcni/daemon.ts";
import { startWire } from "../../headcni/wire.ts";
import type { Lab, LabNode } from "../../lab-types.ts";
import { removeNetns } from "../../network/netns.ts";
import { cableNode, portOf } from "../../network/underlay.ts";
import { endProcess } from "../../processes/processes.ts";
import { runResult } from "../../run-command.ts";
import { runsSystemd } from "../../systemd/systemd.ts";
import { waitForSystemd } from "../../systemd/systemd-node.ts";
import { runHostTailscaled } from "../../tailnet/host-tailscaled.ts";
import { clusterOf } from "../cluster.ts";
import { startControlPlane } from "../control-plane/control-plane.ts";
import { provideReferenceNetwork } from "../reference-network.ts";
import { startNodeServices } from "../start-cluster.ts";
import { findCgroups, removeCgroup } from "./cgroups.ts";
import { startContainerd } from "./containerd.ts";
import { bootNode, nodeInit } from "./node-machine.ts";

/** Takes the power from a node that is a machine of its own: all its processes end at once, its namespaces and mounts are gone. */
export async function cutPower(lab: Lab, node: LabNode): Promise<void> {
  const init = await nodeInit(lab, node);
  // The kernel ends every process of a pid namespace before its first one is gone (pid_namespaces(7)).
  if (init !== undefined) await endProcess(init, 0);
  const cgroups = await findCgroups(lab.id);
  await Promise.all(cgroups.map((folder) => removeCgroup(join(folder, node.name))));
  await removeNetns(node.netns);
  if (node.natNetns !== undefined) await removeNetns(node.natNetns);
  // It would go with the node's namespace, but some time later.
  await runResult(["ip", "-n", lab.netns, "link", "del", portOf(node)]);
}

/** Boots a node again whose power was cut: its disk is as it was, /run is empty, and what was started at boot is again. */
export async function powerOn(lab: Lab, node: LabNode): Promise<void> {
  await cableNode(lab, node);
  await bootNode(lab, node);
  if (runsSystemd(lab, node)) return await waitForSystemd(lab, node);
  const { controlPlane, options } = clusterOf(lab);
  const { network } = options;
  await runHostTailscaled(lab, node);
  if (node === controlPlane) await startControlPlane(lab);
  if (network === "reference") await provideReferenceNetwork(lab, node);
  if (network === "headcni") {
    if (node.mode === "daemon") await startWire(lab, node);
    await startDaemon(lab, node);
  }
  await startContainerd(lab, node);
  await startNodeServices(lab, node);
}
