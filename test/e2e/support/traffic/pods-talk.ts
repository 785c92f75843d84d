import { kubectl } from "../../../lab/kubernetes/control-plane/kubectl.ts";
import { execInClusterPod, workloadPods } from "../../../lab/kubernetes/workload/workload.ts";
import type { Lab } from "../../../lab/lab-types.ts";
import { waitUntil } from "../../../lab/wait-until.ts";

/** One process for all of a pod's pings: to start kubectl for each would cost much more than the pings. */
const pingAll = 'for address in "$@"; do ping -c 1 -W 2 "$address" || exit 1; done';

/** Waits until `count` pods of the workload run and each answers every other's ping. */
export async function allTalk(lab: Lab, workload: string, count: number): Promise<void> {
  const talk = async () => {
    const pods = await workloadPods(lab, workload).catch(() => []);
    if (pods.length !== count) return false;
    const addresses = pods.map(({ address }) => address);
    const ping = ["sh", "-c", pingAll, "sh", ...addresses];
    const pings = await Promise.all(pods.map((from) => execInClusterPod(lab, from, ping)));
    return pings.every(({ exitCode }) => exitCode === 0);
  };
  await waitUntil(talk, {
    what: `${count} pods talk to each other`,
    timeoutMs: 180_000,
    everyMs: 500,
    explain: () => kubectl(lab, ["get", "pods,nodes", "-A", "-o", "wide"]),
  });
}
