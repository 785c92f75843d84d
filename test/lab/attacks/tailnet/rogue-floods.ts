import { setTimeout as delay } from "node:timers/promises";
import { liveMachines, readyPage } from "../../headcni/daemon-pages.ts";
import { intoTailnet } from "../../headcni/wire.ts";
import { inNetns } from "../../network/netns.ts";
import { run, runResult } from "../../run-command.ts";
import { startProbe } from "../../traffic/traffic.ts";
import { waitUntil } from "../../wait-until.ts";
import type { Attack, Finding, Scene } from "../attack.ts";
import { attackPods, reaches } from "../tools/attack-pods.ts";
import { daemonUsage } from "../tools/daemon-numbers.ts";
import { untilServed, withMember } from "../tools/member.ts";
import { toldOf } from "./told-of.ts";

/** Many times what a node looks after one by one. Some thousand keep Headscale itself busy: then it takes nodes for offline. */
const count = Number(process.env["HEADCNI_FLOOD_PREFIXES"] ?? 1_000);
/** What a flood may cost a node's daemon, and how many peers' routes it may look after one by one. */
const most = {
  addedMb: 64,
  cpuSeconds: 30,
  answerMs: 5_000,
  repairMs: 15_000,
  talkMs: 5_000,
  routes: 64,
} as const;

export const rogueFloods: Attack = {
  name: "rogue-floods",
  promise: "flood",
  does: `a tailnet member with the nodes' tag announces ${count} prefixes at once`,
  kubernetes: true,
  run: async (scene) => {
    const { lab, node } = scene;
    const { attacker, remote } = await attackPods(scene);
    return await withMember(lab, "rogue", async (rogue) => {
      const before = await daemonUsage(lab, node);
      const probe = await startProbe(attacker, remote.address, 10);
      try {
        const start = performance.now();
        await rogue.announce(floodPrefixes(count));
        await untilServed(lab, rogue, node, floodPrefixes(count).at(-1) ?? "");
        const heardMs = performance.now() - start;
        const answerMs = await slowestAnswer(scene);
        const repairMs = await repairOf(scene);
        const told = new Set<string>();
        const talkMs = await untilTrue("the pods talk", async () => {
          if (await reaches(attacker, remote.address)) return true;
          told.add(await toldOf(scene));
          return false;
        });
        const after = await daemonUsage(lab, node);
        const routes = (await liveMachines(node)).filter(({ machine }) =>
          /^(own|peer)Route$/.test(machine),
        ).length;
        // The ways that this attack itself deleted cost packets.
        const { sent, received } = await probe.stop();
        return [
          { saw: `the node had heard all after ${seconds(heardMs)}`, harm: false },
          limited("the daemon grew by", after.rssMb - before.rssMb, most.addedMb, "MB"),
          limited("it used", after.cpuSeconds - before.cpuSeconds, most.cpuSeconds, "s of CPU"),
          limited("its slowest answer took", answerMs, most.answerMs, "ms"),
          limited("a deleted way was back after", repairMs, most.repairMs, "ms"),
          limited("pods talked after", talkMs, most.talkMs, "ms"),
          {
            saw: `until then Headscale told of the other node: ${[...told].join("; ") || "nothing"}`,
            harm: false,
          },
          limited("it looks after", routes, most.routes + node.podCIDRs.length, "routes one by one"),
          { saw: `${sent - received} of ${sent} packets were lost`, harm: false },
        ];
      } finally {
        await probe.stop();
        // Or Headscale has to take back thousands of routes of a node that is no more.
        await rogue.announce([]);
      }
    });
  },
};

/** Single addresses of the upper half of the pods' network, where no node of a lab is. */
export function floodPrefixes(many: number): readonly string[] {
  return Array.from({ length: many }, (_, index) => `10.244.${128 + (index >> 8)}.${index & 255}/32`);
}

/** What the daemon takes for /ready at worst, asked for some seconds. */
async function slowestAnswer({ node }: Scene): Promise<number> {
  let slowest = 0;
  const end = performance.now() + 5_000;
  while (performance.now() < end) {
    const asked = performance.now();
    await readyPage(node);
    slowest = Math.max(slowest, performance.now() - asked);
    await delay(100);
  }
  return slowest;
}

/** Deletes the way to the other node in tailscaled's namespace and what the guard holds on the node, and waits for both. */
async function repairOf(scene: Scene): Promise<number> {
  const { node, other } = scene;
  const enter = await intoTailnet(node);
  const inTunnel = async () =>
    (await run(enter(["ip", "route", "show", "table", "52"]))).includes(other.podCIDR);
  const guarded = async () =>
    (await runResult(inNetns(node.netns, ["nft", "list", "table", "inet", "headcni"]))).exitCode === 0;
  await run(enter(["ip", "route", "del", other.podCIDR, "table", "52"]));
  await run(inNetns(node.netns, ["nft", "delete", "table", "inet", "headcni"]));
  return await untilTrue("what was deleted is back", async () => (await inTunnel()) && (await guarded()));
}

/** How long it took, in ms: up to a minute, which is longer than what counts as harm. */
async function untilTrue(what: string, isTrue: () => Promise<boolean>): Promise<number> {
  const start = performance.now();
  await waitUntil(isTrue, { what, timeoutMs: 60_000 }).catch(() => undefined);
  return performance.now() - start;
}

function limited(saw: string, value: number, limit: number, unit: string): Finding {
  return { saw: `${saw} ${value.toFixed(0)} ${unit} (limit ${limit})`, harm: value > limit };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
