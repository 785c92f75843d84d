import { expect, onTestFinished, test } from "vitest";
import { type Member, tailnetAddress, withMember } from "../../lab/attacks/tools/member.ts";
import { waitForDaemon } from "../../lab/headcni/daemon.ts";
import { nodeOf } from "../../lab/lab-store.ts";
import type { LabNode } from "../../lab/lab-types.ts";
import { inNetns } from "../../lab/network/netns.ts";
import { run, runResult } from "../../lab/run-command.ts";
import { startService, stopService } from "../../lab/services.ts";
import { headscale } from "../../lab/tailnet/headscale.ts";
import { tailscaledStatus } from "../../lab/tailnet/local-api.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { cleanUp } from "../support/clean-node.ts";
import { streamedProcess } from "../support/streamed-process.ts";
import { useLab } from "../support/use-lab.ts";

const lab = useLab({ nodes: 2, mode: "host" });
/** Of the owner's LAN, which n1 serves to the tailnet beside the pods. */
const lan = { prefix: "192.168.7.0/24", address: "192.168.7.1" };
/** Somewhere in the Internet, where n1 is by the member as its exit node. */
const far = "203.0.113.7";

const node = (): LabNode => nodeOf(lab(), "n1");
const daemon = { name: "daemon", node: "n1" } as const;
const inNode = (...command: [string, ...string[]]) => run(inNetns(node().netns, command));
const asOwner = (...words: readonly string[]) =>
  inNode(lab().tools.tailscale, `--socket=${node().tailscaledSocket}`, ...words);

async function approve(socket: string, routes: readonly string[]): Promise<void> {
  const { ID } = (await tailscaledStatus(socket)).Self;
  await headscale(lab(), ["nodes", "approve-routes", "-i", ID, "-r", routes.join()]);
}

/** What n1's owner does with his tailnet: a peer, an exit node, and a subnet of his own. */
async function useTailnet(member: Member): Promise<void> {
  await run(inNetns(member.host.netns, ["ip", "address", "add", `${far}/32`, "dev", "lo"]));
  const { ID } = (await member.status()).Self;
  const exit = ["0.0.0.0/0", "::/0"];
  await member.announce(exit);
  await headscale(lab(), ["nodes", "approve-routes", "-i", ID, "-r", exit.join()]);
  await inNode("ip", "address", "add", `${lan.address}/32`, "dev", "lo");
  await asOwner("set", `--advertise-routes=${lan.prefix}`);
  await approve(node().tailscaledSocket, [node().podCIDR, lan.prefix]);
  const [address = ""] = (await member.status()).Self.TailscaleIPs ?? [];
  const offered = async () =>
    Object.values((await tailscaledStatus(node().tailscaledSocket)).Peer ?? {}).some(
      (peer) => peer.TailscaleIPs?.includes(address) && peer.ExitNodeOption,
    );
  await waitUntil(offered, { what: "n1 hears of the exit node", timeoutMs: 60_000 });
  await asOwner("set", `--exit-node=${address}`, "--exit-node-allow-lan-access");
}

interface Way {
  readonly what: string;
  readonly netns: string;
  readonly to: string;
}

async function ways(member: Member): Promise<readonly Way[]> {
  const [address = ""] = (await member.status()).Self.TailscaleIPs ?? [];
  return [
    { what: "a peer that is no node", netns: node().netns, to: address },
    { what: "the exit node", netns: node().netns, to: far },
    { what: "n1, by a peer", netns: member.host.netns, to: await tailnetAddress(node()) },
    { what: "the owner's LAN, by a peer", netns: member.host.netns, to: lan.address },
  ];
}

/** Sends an echo each 50 ms until the returned function is called, which tells which of them were lost. */
async function pingMeanwhile({ what, netns, to }: Way) {
  await waitUntil(
    async () => (await runResult(inNetns(netns, ["ping", "-c", "1", "-W", "1", to]))).exitCode === 0,
    { what: `${what} answers`, timeoutMs: 60_000 },
  );
  const ping = streamedProcess(inNetns(netns, ["ping", "-n", "-i", "0.05", to]));
  onTestFinished(() => ping.signal("SIGKILL"));
  return async () => {
    ping.signal("SIGINT");
    await ping.ended;
    const answered = await ping.heard("echoes", (said) =>
      [...said.matchAll(/icmp_seq=(\d+) ttl/g)].map(([, seq]) => Number(seq)),
    );
    const received = new Set(answered);
    // Those after the last answer were still on their way.
    const sent = Math.max(0, ...answered);
    const lost = Array.from({ length: sent }, (_, index) => index + 1).filter((seq) => !received.has(seq));
    return { what, sent, lost };
  };
}

/** How many echoes each way lost meanwhile, by what it is. */
async function lostDuring(all: readonly Way[], work: () => Promise<void>): Promise<Record<string, number>> {
  const stops = await Promise.all(all.map(pingMeanwhile));
  await work();
  const results = await Promise.all(stops.map((stop) => stop()));
  for (const { sent } of results) expect(sent).toBeGreaterThan(10);
  return Object.fromEntries(results.map(({ what, lost }) => [what, lost.length]));
}

test("the owner's own traffic loses nothing over a restart, and at most what is on its way over install and uninstall", async () => {
  await cleanUp(lab(), node());
  await withMember(lab(), "member", async (member) => {
    await useTailnet(member);
    const all = await ways(member);
    const none = Object.fromEntries(all.map(({ what }) => [what, 0]));
    const start = async () => {
      await startService(lab(), daemon);
      await waitForDaemon(lab(), node());
    };
    // tailscaled binds its sockets anew when an address comes or goes, ours on loopback as well, and what they hold is lost.
    const onItsWay = Object.fromEntries(all.map(({ what }) => [what, expect.toSatisfy((lost) => lost <= 1)]));
    expect(await lostDuring(all, start)).toEqual(onItsWay);
    const restart = async () => {
      await stopService(lab(), daemon);
      await start();
    };
    expect(await lostDuring(all, restart)).toEqual(none);
    expect(await lostDuring(all, () => cleanUp(lab(), node()))).toEqual(onItsWay);
  });
});
