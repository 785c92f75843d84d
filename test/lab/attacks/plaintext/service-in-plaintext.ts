import { clusterOf } from "../../kubernetes/cluster.ts";
import { getJson } from "../../kubernetes/control-plane/kubectl.ts";
import { LabError } from "../../lab-error.ts";
import { captureUnderlay } from "../../network/capture.ts";
import { inNetns } from "../../network/netns.ts";
import { execInPod, type Pod } from "../../pods.ts";
import { run } from "../../run-command.ts";
import { killService, startService } from "../../services.ts";
import { waitUntil } from "../../wait-until.ts";
import type { Attack } from "../attack.ts";
import { attackPods, honestPing, workloadName } from "../tools/attack-pods.ts";
import { freshNumber, makeProbes, openers, sendProbes } from "../tools/probes.ts";
import { waysBetween, withNeighbour } from "../tools/through-node.ts";

export const serviceInPlaintext: Attack = {
  name: "service-in-plaintext",
  promise: "plaintext",
  does: "listens on the LAN while a pod asks ClusterIPs and kube-proxy has no rule",
  kubernetes: true,
  heldBy: { where: "node", names: ["service-in-clear"] },
  run: (scene) =>
    withNeighbour(scene, async (neighbour) => {
      const { lab, node } = scene;
      const { options, serviceCIDRs, dnsAddress } = clusterOf(lab);
      if (options.proxyMode !== "nftables")
        throw new LabError(
          "BAD_OPTION",
          "it takes kube-proxy's nftables mode, whose rules can be deleted whole",
        );
      const { attacker } = await attackPods(scene);
      type Service = { readonly spec: { readonly clusterIPs: readonly string[] } };
      const { spec } = await getJson<Service>(lab, ["service", workloadName]);
      const targets = [...spec.clusterIPs, dnsAddress];
      const probes = makeProbes(waysBetween(attacker.addresses, targets), openers, freshNumber());
      const proxy = { name: "kube-proxy", node: node.name } as const;
      const capture = await captureUnderlay(lab);
      try {
        await killService(lab, proxy);
        for (const family of lab.options.families)
          await run(
            inNetns(node.netns, ["nft", "delete", "table", family === 4 ? "ip" : "ip6", "kube-proxy"]),
          );
        await sendProbes(lab, attacker.netns, probes);
        // The same way out, for what may leave.
        await honestPing(attacker, neighbour.addresses);
      } finally {
        await startService(lab, proxy);
        for (const address of spec.clusterIPs)
          await waitUntil(() => opens(attacker, address), {
            what: `the Service answers again at ${address}`,
            timeoutMs: 60_000,
          });
      }
      const packets = await capture.stop(serviceCIDRs.map((prefix) => `net ${prefix}`).join(" or "));
      const harm = packets.length > 0;
      return [{ saw: harm ? `${packets.length} packets, such as ${packets[0]?.trim()}` : "nothing", harm }];
    }),
};

async function opens(pod: Pod, address: string): Promise<boolean> {
  const open = ["timeout", "3", "bash", "-c", `exec 3<>/dev/tcp/${address}/80`] as const;
  return (await execInPod(pod, open)).exitCode === 0;
}
