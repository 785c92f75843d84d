import { setTimeout as delay } from "node:timers/promises";
import { startProbe } from "../../traffic/traffic.ts";
import type { Attack } from "../attack.ts";
import { attackPods, pathBetween } from "../tools/attack-pods.ts";
import { counterSum, guardState } from "../tools/daemon-numbers.ts";
import { untilServed, withMember } from "../tools/member.ts";
import { toldOf } from "./told-of.ts";

/** Twice what the guard takes for a fight. */
const changes = 10;
const everyMs = 500;

export const rogueChanges: Attack = {
  name: "rogue-changes",
  promise: "flood",
  does: `a tailnet member with the nodes' tag announces another prefix every ${everyMs} ms, ${changes} times`,
  kubernetes: true,
  run: async (scene) => {
    const { lab, node } = scene;
    const { attacker, remote } = await attackPods(scene);
    // Before the rogue joins: what it breaks by joining counts, too.
    const probes = await Promise.all(remote.addresses.map((address) => startProbe(attacker, address, 10)));
    try {
      return await withMember(lab, "rogue", async (rogue) => {
        const joinedAt = new Date().toISOString();
        const repairs = () => counterSum(node, "headcni_guard_repairs_total");
        const repairedBefore = await repairs();
        const states = new Set<string>();
        for (let change = 1; change <= changes; change += 1) {
          await rogue.announce([strayPrefix(change)]);
          await delay(everyMs);
          states.add(await guardState(node));
        }
        await untilServed(lab, rogue, node, strayPrefix(changes));
        states.add(await guardState(node));
        const told = await toldOf(scene);
        const reports = await Promise.all(probes.map((probe) => probe.stop()));
        const lost = reports.reduce((sum, { sent, received }) => sum + sent - received, 0);
        const sent = reports.reduce((sum, report) => sum + report.sent, 0);
        const which = lost === 0 ? "" : `: ${reports.map((report) => report.lost.join(", ")).join(" | ")}`;
        const repaired = (await repairs()) - repairedBefore;
        return [
          { saw: `the rogue had joined at ${joinedAt}`, harm: false },
          { saw: `Headscale told of the other node: ${told}`, harm: false },
          { saw: lost === 0 ? "the path held" : await pathBetween(attacker, remote), harm: false },
          { saw: `the guard was ${[...states].sort().join(", ")}`, harm: states.has("fighting") },
          { saw: `${repaired} repairs were counted`, harm: repaired > 0 },
          { saw: `pods lost ${lost} of ${sent} packets${which}`, harm: lost > 0 },
        ];
      });
    } finally {
      await Promise.all(probes.map((probe) => probe.stop()));
    }
  },
};

/** Inside the supernet, and no node's. */
function strayPrefix(number: number): string {
  return `10.244.${200 + number}.0/24`;
}
