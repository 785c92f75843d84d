import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inNode } from "./kubernetes/node/node-machine.ts";
import { LabError } from "./lab-error.ts";
import { nodeOf } from "./lab-store.ts";
import type { Lab, LabNode } from "./lab-types.ts";
import { netnsPrefix } from "./layout.ts";
import { addNetns, inNetns, netnsPath, removeNetns } from "./network/netns.ts";
import { type CommandLine, type CommandOptions, type CommandResult, run, runResult } from "./run-command.ts";
import { runsSystemd, systemdCnitool } from "./systemd/systemd.ts";

/** A pod of a lab: a network namespace that a CNI plugin attached. */
export type Pod = {
  readonly name: string;
  readonly node: string;
  readonly netns: string;
  /** Addresses of the ADD result without prefix lengths, and the first of them. */
  readonly addresses: readonly string[];
  readonly address: string;
  /** The ADD result as the plugin printed it. */
  readonly result: unknown;
};

const networkName = "headcni";

/**
 * Makes a namespace and has cnitool, the CNI project's own runtime, attach it with the node's config: what kubelet's
 * runtime does for a pod. Throws LabError COMMAND_FAILED with the plugin's error; the namespace is removed then.
 */
export async function addPod(lab: Lab, nodeName: string, name: string): Promise<Pod> {
  if (!/^[a-z0-9-]{1,20}$/.test(name)) {
    throw new LabError("BAD_OPTION", `"${name}" is no pod name: 1 to 20 of a-z, 0-9 and -`);
  }
  const node = nodeOf(lab, nodeName);
  const netns = `${netnsPrefix(lab.id)}p-${name}`;
  await addNetns(netns);
  try {
    const result: unknown = JSON.parse(await cnitool(lab, node, "add", netns));
    const pod = { name, node: nodeName, netns, ...addressesOf(result), result };
    await mkdir(podFolder(lab), { recursive: true });
    await writeFile(podFile(lab, name), JSON.stringify(pod));
    return pod;
  } catch (error) {
    await removeNetns(netns);
    throw error;
  }
}

/** Has cnitool detach a pod, then removes its namespace. */
export async function deletePod(lab: Lab, name: string): Promise<void> {
  const pod = await podOf(lab, name);
  await cnitool(lab, nodeOf(lab, pod.node), "del", pod.netns);
  await removeNetns(pod.netns);
  await rm(podFile(lab, name), { force: true });
}

/** All pods of a lab that were added and not deleted. */
export async function listPods(lab: Lab): Promise<readonly Pod[]> {
  const files = await readdir(podFolder(lab)).catch(() => []);
  const texts = await Promise.all(files.sort().map((file) => readFile(join(podFolder(lab), file), "utf8")));
  return texts.map((text) => JSON.parse(text) as Pod);
}

/** The pod with that name. Throws LabError NO_SUCH_POD. */
export async function podOf(lab: Lab, name: string): Promise<Pod> {
  const pods = await listPods(lab);
  const pod = pods.find((candidate) => candidate.name === name);
  if (pod !== undefined) return pod;
  const known = pods.length === 0 ? "there is none" : `there are: ${pods.map((p) => p.name).join(", ")}`;
  throw new LabError("NO_SUCH_POD", `no pod "${name}"; ${known}`);
}

/** Runs a command in a pod's namespace to its end. */
export async function execInPod(
  pod: Pod,
  command: CommandLine,
  options?: CommandOptions,
): Promise<CommandResult> {
  return await runResult(inNetns(pod.netns, command), options);
}

/** Runs a command in a node's namespace to its end. */
export async function execInNode(
  node: LabNode,
  command: CommandLine,
  options?: CommandOptions,
): Promise<CommandResult> {
  return await runResult(inNetns(node.netns, command), options);
}

async function cnitool(lab: Lab, node: LabNode, verb: "add" | "del", netns: string): Promise<string> {
  if (runsSystemd(lab, node))
    return await run(await inNode(lab, node, systemdCnitool(verb, networkName, netnsPath(netns))));
  return await run(inNetns(node.netns, [lab.tools.cnitool, verb, networkName, netnsPath(netns)]), {
    env: { NETCONFPATH: node.cniConfDir, CNI_PATH: node.cniBinDir, CNI_IFNAME: "eth0" },
    timeoutMs: 120_000,
  });
}

function addressesOf(result: unknown): Pick<Pod, "address" | "addresses"> {
  const { ips = [] } = result as { readonly ips?: readonly { readonly address: string }[] };
  const addresses = ips.map(({ address }) => address.replace(/\/\d+$/, ""));
  const [first] = addresses;
  if (first === undefined)
    throw new LabError("COMMAND_FAILED", `the ADD result has no address: ${JSON.stringify(result)}`);
  return { address: first, addresses };
}

function podFolder(lab: Lab): string {
  return join(lab.folder, "pods");
}

function podFile(lab: Lab, name: string): string {
  return join(podFolder(lab), `${name}.json`);
}
