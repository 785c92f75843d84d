import { bridgeAddress } from "../../network/underlay.ts";
import { execInNode } from "../../pods.ts";
import { headscale } from "../../tailnet/headscale.ts";
import type { Attack } from "../attack.ts";
import { tailnetAddress, untilServed, withMember } from "../tools/member.ts";
import { linkIn, watchLinks } from "../tools/watch-links.ts";

/** Half of a lab's underlay, which is its nodes' LAN: narrower than the route of their links. */
const lan = "10.99.0.0/25";
const echoes = 5;

export const rogueAnnouncesLan: Attack = {
  name: "rogue-announces-lan",
  promise: "identity",
  does: "a tailnet member with the nodes' tag announces the nodes' LAN, an administrator approves it by mistake, and this node sends to its LAN",
  kubernetes: false,
  // In mode daemon routes of the tailnet are in a namespace of their own.
  mode: "host",
  run: async ({ lab, node }) =>
    await withMember(lab, "rogue", async (rogue) => {
      await rogue.announce([lan]);
      const { ID } = (await rogue.status()).Self;
      await headscale(lab, ["nodes", "approve-routes", "-i", ID, "-r", lan]);
      await untilServed(lab, rogue, node, lan);
      await rogue.reach(await tailnetAddress(node));
      let received = 0;
      const atRogue = {
        what: "the rogue",
        ...linkIn(rogue.host.netns, rogue.link),
        filter: `dst net ${lan}`,
      };
      const [taken] = await watchLinks(lab, [atRogue], async () => {
        const ping = ["ping", "-q", "-c", String(echoes), "-i", "0.2", "-W", "2", bridgeAddress] as const;
        received = Number(/(\d+) received/.exec((await execInNode(node, ping)).stdout)?.[1] ?? 0);
      });
      const [first] = taken?.lines ?? [];
      return [
        { saw: `${received} of ${echoes} echoes of the LAN answered`, harm: received < echoes },
        {
          saw: first === undefined ? "the rogue got nothing" : `the rogue got ${first.trim()}`,
          harm: first !== undefined,
        },
      ];
    }),
};
