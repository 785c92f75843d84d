import type { Attack } from "./attack.ts";
import { attackPods, honestPing } from "./attack-pods.ts";
import { freshNumber, makeProbes, openers } from "./probes.ts";
import { sendThroughNode, waysBetween, withNeighbour } from "./through-node.ts";
import { linkIn } from "./watch-links.ts";

export const neighbourToLocalPods: Attack = {
  name: "neighbour-to-local-pods",
  promise: "underlay",
  does: "a host of the LAN routes the pods' network by way of a node and sends to a pod of that node",
  heldBy: { where: "node", names: ["underlay-to-pods"] },
  run: (scene) =>
    withNeighbour(scene, async (neighbour) => {
      const { attacker, victim } = await attackPods(scene);
      await neighbour.route(scene.lab.supernets);
      return await sendThroughNode(scene.lab, {
        neighbour,
        probes: makeProbes(waysBetween(neighbour.addresses, victim.addresses), openers, freshNumber()),
        places: [{ what: "the node's pod", ...linkIn(victim.netns, "eth0") }],
        honest: () => honestPing(attacker, victim.addresses),
      });
    }),
};
