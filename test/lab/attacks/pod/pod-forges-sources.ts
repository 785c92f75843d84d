import type { Attack } from "../attack.ts";
import { attackPods, honestPing } from "../tools/attack-pods.ts";
import { freshNumber, makeProbes, probeFilter, probesIn, sendProbes } from "../tools/probes.ts";
import { arrivalFinding, waysBetween, withNeighbour } from "../tools/through-node.ts";
import { linkIn, watchLinks } from "../tools/watch-links.ts";
import { withSysctl } from "../tools/with-sysctls.ts";

export const podForgesSources: Attack = {
  name: "pod-forges-sources",
  promise: "sources",
  does: "a pod with raw sockets sends as another pod, a pod of another node, a router address, and a host of the LAN, on a node without rp_filter",
  heldBy: { where: "node", names: ["forged-source"] },
  run: (scene) =>
    withNeighbour(scene, async (neighbour) => {
      const { lab, node } = scene;
      const { attacker, victim, remote } = await attackPods(scene);
      const sources = [
        ...victim.addresses.map((source) => ({ source, who: "the pod beside it" })),
        ...remote.addresses.map((source) => ({ source, who: "a remote pod" })),
        ...node.routerAddresses.map((source) => ({ source, who: "the router" })),
        ...neighbour.addresses.map((source) => ({ source, who: "a LAN host" })),
      ];
      const ways = [victim, remote].flatMap((target) =>
        sources
          .filter(({ source }) => !target.addresses.includes(source))
          .flatMap(({ source, who }) =>
            waysBetween([source], target.addresses).map((way) => ({
              ...way,
              named: `as ${who} (${source}) to ${target.name}`,
            })),
          ),
      );
      const probes = makeProbes(ways, ["udp"], freshNumber());
      const links = [victim, remote].map((pod) => ({
        what: `pod ${pod.name}`,
        ...linkIn(pod.netns, "eth0"),
        filter: probeFilter(probes),
      }));
      const honest = () => honestPing(attacker, [...victim.addresses, ...remote.addresses]);
      const seen = await withSysctl(node, "net/ipv4/conf/*/rp_filter", "0", () =>
        watchLinks(lab, links, async () => {
          await honest();
          for (let time = 0; time < 2; time += 1) {
            await sendProbes(lab, attacker.netns, probes);
            await honest();
          }
        }),
      );
      return seen.map(({ what, lines }) => arrivalFinding(what, probesIn(lines, probes), probes));
    }),
};
