import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { waitForDaemon } from "../../lab/headcni/daemon.ts";
import { nodeOf } from "../../lab/lab-store.ts";
import { inNetns } from "../../lab/network/netns.ts";
import { addPod, type Pod } from "../../lab/pods.ts";
import { run } from "../../lab/run-command.ts";
import { stopService } from "../../lab/services.ts";
import {
  hostTailscaledLog,
  joinHostTailscaled,
  startHostTailscaled,
} from "../../lab/tailnet/host-tailscaled.ts";
import { fetchFrom, startPodServer } from "../../lab/traffic/traffic.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { useLab } from "../support/use-lab.ts";

/** What the owner lets tailscaled do to the node's netfilter (`tailscale set`). */
const lab = useLab({ nodes: 2, mode: "host" });
const pods: { a: Pod; b: Pod } = {} as never;

beforeAll(async () => {
  pods.a = await addPod(lab(), "n1", "a");
  pods.b = await addPod(lab(), "n2", "b");
  for (const pod of [pods.a, pods.b]) await startPodServer(lab(), pod);
});

/** Waits until a pod's answer from the other comes through, and gives whom that saw. */
async function seenBy(to: Pod, from: Pod): Promise<string | undefined> {
  const report = await waitUntil(
    async () => {
      const [answer] = await fetchFrom(from, [to], 10_000).catch(() => []);
      return answer?.bytes === 10_000 ? answer : undefined;
    },
    { what: `${from.name} reaches ${to.name}`, timeoutMs: 60_000 },
  );
  return report.source;
}

const netfilterModes = ["nodivert", "off", "on"] as const;
/** By what tailscaled makes its rules; it finds nftables by itself (util/linuxfw: TS_DEBUG_FIREWALL_MODE). */
describe.each(["nftables", "iptables"])("a tailscaled that uses %s", (firewall) => {
  beforeAll(async () => {
    for (const node of lab().nodes) {
      await stopService(lab(), { name: "host-tailscaled", node: node.name });
      await startHostTailscaled(lab(), node, { env: { TS_DEBUG_FIREWALL_MODE: firewall } });
      await joinHostTailscaled(lab(), node);
    }
  });

  test("says so", async () => {
    for (const node of lab().nodes) {
      const log = await readFile(hostTailscaledLog(node), "utf8");
      expect(log.match(/netfilter running in \w+ mode/g)?.at(-1)).toContain(firewall);
    }
  });

  test.each(netfilterModes.flatMap((mode) => [false, true].map((snat) => ({ mode, snat }))))(
    "with --netfilter-mode=$mode --snat-subnet-routes=$snat lets pods see each other's own addresses",
    async ({ mode, snat }) => {
      const words = ["set", `--netfilter-mode=${mode}`, `--snat-subnet-routes=${snat}`];
      const { tailscale } = lab().tools;
      for (const { netns, tailscaledSocket } of lab().nodes)
        await run(inNetns(netns, [tailscale, `--socket=${tailscaledSocket}`, ...words]));
      expect(await seenBy(pods.b, pods.a)).toBe(pods.a.address);
      expect(await seenBy(pods.a, pods.b)).toBe(pods.b.address);
      await waitForDaemon(lab(), nodeOf(lab(), "n1"));
    },
  );
});
