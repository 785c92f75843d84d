import { expect } from "vitest";
import { type ClusterPod, execInClusterPod } from "../../../lab/kubernetes/workload/workload.ts";
import type { Lab } from "../../../lab/lab-types.ts";

/**
 * Sends a packet each 50 ms until the returned function is called, which tells how many came back and which did not. ping writes into a
 * file of the pod: what kubectl exec streams may wait for somebody else.
 */
export async function pingMeanwhile(lab: Lab, from: ClusterPod, to: ClusterPod) {
  const script = `echo $$ >/tmp/ping.pid; exec ping -i 0.05 ${to.address} >/tmp/ping.out`;
  const result = execInClusterPod(lab, from, ["sh", "-c", script], 600_000);
  return async () => {
    const after = await execInClusterPod(lab, from, ["ping", "-c", "2", "-W", "5", to.address]);
    expect(after.stdout).toContain("2 packets received");
    await execInClusterPod(lab, from, ["sh", "-c", "kill -INT $(cat /tmp/ping.pid)"]);
    await result;
    const { stdout } = await execInClusterPod(lab, from, ["cat", "/tmp/ping.out"]);
    const numbers = [...stdout.matchAll(/ seq=(\d+) /g)].map(([, number]) => Number(number));
    const received = new Set(numbers);
    // Those after the last answer were still on their way.
    const sent = Math.max(0, ...numbers);
    return {
      received: received.size,
      lost: Array.from({ length: sent }, (_, number) => number).filter((number) => !received.has(number)),
    };
  };
}
