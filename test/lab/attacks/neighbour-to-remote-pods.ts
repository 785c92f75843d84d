import type { Attack } from "./attack.ts";
import { attackPods, honestPing } from "./attack-pods.ts";
import { freshNumber, makeProbes, openers } from "./probes.ts";
import { sendThroughNode, waysBetween, withNeighbour } from "./through-node.ts";
import { linkIn } from "./watch-links.ts";

export const neighbourToRemotePods: Attack = {
  name: "neighbour-to-remote-pods",
  promise: "underlay",
  does: "a host of the LAN routes the pods' network by way of a node and sends to another node's pod",
  heldBy: { where: "node", names: ["underlay-to-tailnet"] },
  run: (scene) =>
    withNeighbour(scene, async (neighbour) => {
      const { attacker, remote } = await attackPods(scene);
      await neighbour.route(scene.lab.supernets);
      return await sendThroughNode(scene.lab, {
        neighbour,
        probes: makeProbes(waysBetween(neighbour.addresses, remote.addresses), openers, freshNumber()),
        places: [{ what: "the other node's pod", ...linkIn(remote.netns, "eth0") }],
        honest: () => honestPing(attacker, remote.addresses),
      });
    }),
};
