import { pauseService, resumeService } from "../../services.ts";
import type { Attack } from "../attack.ts";
import { attackPods } from "../tools/attack-pods.ts";
import { untilServed, withMember } from "../tools/member.ts";
import { impersonate } from "./announce-slice.ts";

/** Inside the supernets of a lab, and no node's: nodes are numbered from 1 to 99 without gaps. */
const stray = {
  4: { prefix: "10.244.111.0/24", address: "10.244.111.5" },
  6: { prefix: "fd00:10:244:111::/64", address: "fd00:10:244:111::5" },
} as const;

export const rogueStrayPrefix: Attack = {
  name: "rogue-stray-prefix",
  promise: "identity",
  does: "a tailnet member with the nodes' tag announces a prefix of no Node while this node's daemon is dead, takes what pods send there, and sends from it",
  kubernetes: true,
  heldBy: { where: "tailnet", table: "headcni_allowlist", names: ["not-believed"] },
  run: async (scene) => {
    const { lab, node } = scene;
    const { attacker } = await attackPods(scene);
    const places = lab.options.families.map((family) => stray[family]);
    const daemon = { name: "daemon", node: node.name } as const;
    return await withMember(lab, "rogue", async (rogue) => {
      await pauseService(lab, daemon);
      try {
        await rogue.announce(places.map(({ prefix }) => prefix));
        for (const { prefix } of places) await untilServed(lab, rogue, node, prefix);
        const target = { name: "of no node", addresses: places.map(({ address }) => address) };
        return await impersonate(scene, rogue, { target, sender: attacker });
      } finally {
        await resumeService(lab, daemon);
      }
    });
  },
};
