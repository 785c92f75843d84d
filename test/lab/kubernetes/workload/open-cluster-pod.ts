import { readdirSync, readlinkSync, statSync } from "node:fs";
import { LabError } from "../../lab-error.ts";
import type { Lab } from "../../lab-types.ts";
import { netnsPrefix } from "../../layout.ts";
import { netnsPath, removeNetns } from "../../network/netns.ts";
import type { Pod } from "../../pods.ts";
import { run } from "../../run-command.ts";
import { type ClusterPod, execInClusterPod } from "./workload.ts";

/**
 * Names the network namespace of a running pod of the cluster, so that programs of this machine can run in it: traffic that
 * is counted, captures. The name keeps the namespace alive until the lab goes down, so not for pods whose end is looked at.
 * A name that stands for an earlier sandbox of the pod, which a boot of its node ended, is given to the one of now: the earlier
 * one may keep its eth0 for minutes, as the kernel keeps the dead node's namespace while connections in it wait for their end.
 */
export async function openClusterPod(lab: Lab, pod: ClusterPod): Promise<Pod> {
  const { stdout } = await execInClusterPod(lab, pod, ["readlink", "/proc/self/ns/net"]);
  const namespace = stdout.trim();
  const netns = `${netnsPrefix(lab.id)}p-${pod.name}`;
  if (namespaceNamed(netns) !== namespace) {
    const pid = processIn(namespace);
    if (pid === undefined)
      throw new LabError("NO_SUCH_POD", `no process of pod "${pod.name}" found: "${namespace}"`);
    await removeNetns(netns);
    await run(["ip", "netns", "attach", netns, String(pid)]);
  }
  return {
    name: pod.name,
    node: pod.node,
    netns,
    address: pod.address,
    addresses: pod.addresses,
    result: undefined,
  };
}

/** What a name stands for, as /proc writes it; undefined if nothing has the name. */
function namespaceNamed(netns: string): string | undefined {
  const file = statSync(netnsPath(netns), { throwIfNoEntry: false });
  return file === undefined ? undefined : `net:[${file.ino}]`;
}

/** A process whose network namespace is `namespace`, written as /proc writes it: `net:[4026532008]`. */
function processIn(namespace: string): number | undefined {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const found = pids.find((pid) => namespaceOf(pid) === namespace);
  return found === undefined ? undefined : Number(found);
}

function namespaceOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    // It ended meanwhile.
    return "";
  }
}
