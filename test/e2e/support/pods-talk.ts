import { kubectl } from "../../lab/kubernetes/kubectl.ts";
import { execInClusterPod, workloadPods } from "../../lab/kubernetes/workload.ts";
import type { Lab } from "../../lab/lab-types.ts";
import { waitUntil } from "../../lab/wait-until.ts";

/** Waits until `count` pods of the workload run and each answers every other's ping. */
export async function allTalk(lab: Lab, workload: string, count: number): Promise<void> {
  const talk = async () => {
    const pods = await workloadPods(lab, workload).catch(() => []);
    if (pods.length !== count) return false;
    for (const from of pods) {
      const pings = pods.map((to) => execInClusterPod(lab, from, ["ping", "-c", "1", "-W", "2", to.address]));
      if ((await Promise.all(pings)).some(({ exitCode }) => exitCode !== 0)) return false;
    }
    return true;
  };
  await waitUntil(talk, {
    what: `${count} pods talk to each other`,
    timeoutMs: 180_000,
    everyMs: 500,
    explain: () => kubectl(lab, ["get", "pods,nodes", "-A", "-o", "wide"]),
  });
}
