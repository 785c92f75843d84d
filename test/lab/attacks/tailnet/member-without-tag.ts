import type { Attack } from "../attack.ts";
import { attackPods, honestPing, honestPingFromNode } from "../tools/attack-pods.ts";
import { tailnetAddress, withMember } from "../tools/member.ts";
import {
  freshNumber,
  makeProbes,
  openers,
  pretenders,
  probeFilter,
  probesIn,
  sendProbes,
} from "../tools/probes.ts";
import { arrivalFinding, waysBetween, withNeighbour } from "../tools/through-node.ts";
import { linkIn, watchLinks } from "../tools/watch-links.ts";

export const memberWithoutTag: Attack = {
  name: "member-without-tag",
  promise: "members",
  does: "a tailnet member that is no node sends to pods of this node with its own address, and pods send to the member's",
  run: (scene) =>
    withNeighbour(scene, (neighbour) =>
      withMember(scene.lab, "member", async (member) => {
        const { lab, node } = scene;
        const { attacker, victim } = await attackPods(scene);
        const own = (await member.status()).Self.TailscaleIPs ?? [];
        const first = freshNumber();
        const kinds = [...openers, ...pretenders];
        const inward = makeProbes(waysBetween(own, victim.addresses), kinds, first);
        const outward = makeProbes(waysBetween(attacker.addresses, own), openers, first + inward.length);
        const links = [
          { what: "the pod", ...linkIn(victim.netns, "eth0"), filter: probeFilter(inward) },
          { what: "the member", ...linkIn(member.host.netns, member.link), filter: probeFilter(outward) },
        ];
        const honest = async () => {
          await member.reach(await tailnetAddress(node));
          await honestPingFromNode(node, victim.addresses);
          // What a pod sends beyond the cluster, leaves.
          await honestPing(attacker, neighbour.addresses);
        };
        const [reached, left] = await watchLinks(lab, links, async () => {
          for (let time = 0; time < 2; time += 1) {
            await honest();
            await sendProbes(lab, member.host.netns, inward);
            await sendProbes(lab, attacker.netns, outward);
          }
          await honest();
        });
        return [
          arrivalFinding("the pod", probesIn(reached?.lines ?? [], inward), inward),
          arrivalFinding("the member", probesIn(left?.lines ?? [], outward), outward),
        ];
      }),
    ),
};
