import { intoTailnet } from "../../headcni/wire.ts";
import type { LabNode } from "../../lab-types.ts";
import { tailscaledStatus } from "../../tailnet/local-api.ts";
import type { Attack } from "../attack.ts";
import { attackPods, honestPing } from "../tools/attack-pods.ts";
import { freshNumber, makeProbes, openers } from "../tools/probes.ts";
import { sendThroughNode, waysBetween, withNeighbour } from "../tools/through-node.ts";
import { linkIn } from "../tools/watch-links.ts";

/** Headscale's prefixes in a lab (`headscaleConfig`). */
const tailnet = { 4: "100.64.0.0/10", 6: "fd7a:115c:a1e0::/48" } as const;

export const neighbourToTailnet: Attack = {
  name: "neighbour-to-tailnet",
  promise: "underlay",
  does: "a host of the LAN routes the tailnet by way of a node and sends to another node's router and tailnet addresses",
  heldBy: { where: "node", names: ["underlay-to-tailnet"] },
  run: (scene) =>
    withNeighbour(scene, async (neighbour) => {
      const { lab, node, other } = scene;
      const { attacker } = await attackPods(scene);
      const { Self } = await tailscaledStatus(other.tailscaledSocket);
      await neighbour.route([...lab.supernets, ...lab.options.families.map((family) => tailnet[family])]);
      const targets = [...other.routerAddresses, ...(Self.TailscaleIPs ?? [])];
      return await sendThroughNode(lab, {
        neighbour,
        probes: makeProbes(waysBetween(neighbour.addresses, targets), openers, freshNumber()),
        places: [
          { what: "the tailnet by this node", enter: await intoTailnet(node), link: "tailscale0" },
          { what: "the other node", ...linkIn(other.netns, tailnetLink(other)) },
        ],
        honest: () => honestPing(attacker, other.routerAddresses),
      });
    }),
};

/** Where what comes from the tailnet enters a node's own namespace. */
function tailnetLink({ mode }: LabNode): string {
  return mode === "host" ? "tailscale0" : "headcni0";
}
