import type { Attack } from "../attack.ts";
import { attackPods, honestPing } from "../tools/attack-pods.ts";
import { freshNumber, makeProbes, openers, pretenders } from "../tools/probes.ts";
import { sendThroughNode, waysBetween, withNeighbour } from "../tools/through-node.ts";
import { linkIn } from "../tools/watch-links.ts";
import { withSysctl } from "../tools/with-sysctls.ts";

export const neighbourAsRemotePod: Attack = {
  name: "neighbour-as-remote-pod",
  promise: "underlay",
  does: "a host of the LAN sends to a pod of a node without rp_filter, with the addresses of another node's pod and router",
  heldBy: { where: "node", names: ["spoofed-source", "underlay-to-pods"] },
  run: (scene) =>
    withNeighbour(scene, async (neighbour) => {
      const { attacker, victim, remote } = await attackPods(scene);
      await neighbour.route(scene.lab.supernets);
      const sources = [...remote.addresses, ...scene.other.routerAddresses];
      const ways = waysBetween(sources, victim.addresses).map((way) => ({
        ...way,
        named: `as ${way.source}`,
      }));
      return await withSysctl(scene.node, "net/ipv4/conf/*/rp_filter", "0", () =>
        sendThroughNode(scene.lab, {
          neighbour,
          probes: makeProbes(ways, [...openers, ...pretenders], freshNumber()),
          places: [{ what: "the node's pod", ...linkIn(victim.netns, "eth0") }],
          honest: () => honestPing(attacker, victim.addresses),
        }),
      );
    }),
};
