import { clusterOf } from "../../kubernetes/cluster.ts";
import { getJson } from "../../kubernetes/control-plane/kubectl.ts";
import { inNetns } from "../../network/netns.ts";
import { runResult } from "../../run-command.ts";
import { waitUntil } from "../../wait-until.ts";
import type { Attack } from "../attack.ts";
import { attackPods, workloadName } from "../tools/attack-pods.ts";
import { withNeighbour } from "../tools/through-node.ts";

export const neighbourToClusterIps: Attack = {
  name: "neighbour-to-cluster-ips",
  promise: "underlay",
  does: "a host of the LAN routes the Service network by way of a node and asks a ClusterIP",
  kubernetes: true,
  heldBy: { where: "node", names: ["service-from-underlay"] },
  run: (scene) =>
    withNeighbour(scene, async (neighbour) => {
      const { lab, node } = scene;
      await attackPods(scene);
      type Service = { readonly spec: { readonly clusterIPs: readonly string[] } };
      const { spec } = await getJson<Service>(lab, ["service", workloadName]);
      await neighbour.route(clusterOf(lab).serviceCIDRs);
      const findings = [];
      for (const address of spec.clusterIPs) {
        await waitUntil(() => opens(node.netns, address), {
          what: `the Service answers at ${address} on the node itself`,
          timeoutMs: 60_000,
        });
        const harm = await opens(neighbour.netns, address);
        findings.push({ saw: `${address} ${harm ? "answers" : "does not answer"} the neighbour`, harm });
      }
      return findings;
    }),
};

/** Whether the Service's port takes a connection. */
async function opens(netns: string, address: string): Promise<boolean> {
  const open = ["timeout", "3", "bash", "-c", `exec 3<>/dev/tcp/${address}/80`] as const;
  return (await runResult(inNetns(netns, open))).exitCode === 0;
}
