import type { Attack } from "../attack.ts";
import { attackPods, honestPing } from "../tools/attack-pods.ts";
import { freshNumber, makeProbes, openers, pretenders } from "../tools/probes.ts";
import { sendThroughNode, waysBetween, withForeignTable, withNeighbour } from "../tools/through-node.ts";
import { linkIn } from "../tools/watch-links.ts";

export const neighbourOutOfState: Attack = {
  name: "neighbour-out-of-state",
  promise: "underlay",
  does: "a host of the LAN sends pods what connection tracking calls invalid, or does not look at: SYN-ACK, SYN+FIN, RST, wrong checksums, replies to nothing, and what a notrack rule names",
  heldBy: { where: "node", names: ["underlay-to-"] },
  run: (scene) =>
    withNeighbour(scene, async (neighbour) => {
      const { attacker, victim, remote } = await attackPods(scene);
      await neighbour.route(scene.lab.supernets);
      const ways = waysBetween(neighbour.addresses, [...victim.addresses, ...remote.addresses]);
      const pretended = makeProbes(ways, pretenders, freshNumber());
      const untracked = makeProbes(ways, openers, (pretended.at(-1)?.number ?? 0) + 1).map((probe) => ({
        ...probe,
        what: `untracked ${probe.what}`,
      }));
      const rules = neighbour.addresses.map(
        (address) => `${address.includes(":") ? "ip6" : "ip"} saddr ${address} notrack`,
      );
      // Before connection tracking, at -200.
      const chain = `chain raw { type filter hook prerouting priority -310; ${rules.join("; ")}; }`;
      const places = [
        { what: "the node's pod", ...linkIn(victim.netns, "eth0") },
        { what: "the other node's pod", ...linkIn(remote.netns, "eth0") },
      ];
      const honest = () => honestPing(attacker, [...victim.addresses, ...remote.addresses]);
      const send = (probes: typeof pretended) =>
        sendThroughNode(scene.lab, { neighbour, probes, places, honest });
      return [
        ...(await send(pretended)),
        ...(await withForeignTable(scene.node, "attack_untracked", chain, () => send(untracked))),
      ];
    }),
};
