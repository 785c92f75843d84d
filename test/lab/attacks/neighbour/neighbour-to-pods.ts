import type { Attack } from "../attack.ts";
import { attackPods, honestPing } from "../tools/attack-pods.ts";
import { freshNumber, makeProbes, openers } from "../tools/probes.ts";
import { sendThroughNode, waysBetween, withNeighbour } from "../tools/through-node.ts";
import { linkIn } from "../tools/watch-links.ts";

export const neighbourToLocalPods = neighbourTo("victim", {
  name: "neighbour-to-local-pods",
  target: "a pod of that node",
  place: "the node's pod",
  rule: "underlay-to-pods",
});

export const neighbourToRemotePods = neighbourTo("remote", {
  name: "neighbour-to-remote-pods",
  target: "another node's pod",
  place: "the other node's pod",
  rule: "underlay-to-tailnet",
});

function neighbourTo(
  pod: "victim" | "remote",
  { name, target, place, rule }: Readonly<Record<"name" | "target" | "place" | "rule", string>>,
): Attack {
  return {
    name,
    promise: "underlay",
    does: `a host of the LAN routes the pods' network by way of a node and sends to ${target}`,
    heldBy: { where: "node", names: [rule] },
    run: (scene) =>
      withNeighbour(scene, async (neighbour) => {
        const { attacker, [pod]: attacked } = await attackPods(scene);
        await neighbour.route(scene.lab.supernets);
        return await sendThroughNode(scene.lab, {
          neighbour,
          probes: makeProbes(waysBetween(neighbour.addresses, attacked.addresses), openers, freshNumber()),
          places: [{ what: place, ...linkIn(attacked.netns, "eth0") }],
          honest: () => honestPing(attacker, attacked.addresses),
        });
      }),
  };
}
