import { killService, pauseService, resumeService } from "../../services.ts";
import type { Attack } from "../attack.ts";
import { rejoined } from "../plaintext/listen-at-boot.ts";
import { attackPods } from "../tools/attack-pods.ts";
import { untilServed, withMember } from "../tools/member.ts";
import { impersonate } from "./announce-slice.ts";

export const rogueAsAbsentNode: Attack = {
  name: "rogue-as-absent-node",
  promise: "identity",
  does: "the other node's tailscaled is dead, and a tailnet member with the nodes' tag announces exactly its prefixes, takes what pods send there, and sends as its pods",
  kubernetes: true,
  run: async (scene) => {
    const { lab, node, other } = scene;
    const { attacker, remote } = await attackPods(scene);
    const wire = { name: "wire", node: other.name } as const;
    // It would start its tailscaled again.
    await pauseService(lab, wire);
    try {
      await killService(lab, { name: "tailscaled", node: other.name });
      return await withMember(lab, "rogue", async (rogue) => {
        await rogue.announce(other.podCIDRs);
        // Headscale gives a prefix to another announcer when its holder is offline for 10 s.
        for (const prefix of other.podCIDRs) await untilServed(lab, rogue, node, prefix);
        return await impersonate(scene, rogue, { target: remote, sender: attacker });
      });
    } finally {
      await resumeService(lab, wire);
      await rejoined(scene);
    }
  },
};
