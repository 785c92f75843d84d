import { expect, onTestFinished, test } from "vitest";
import { untilServed, withMember } from "../../lab/attacks/tools/member.ts";
import { waitForDaemon } from "../../lab/headcni/daemon.ts";
import { nodeOf } from "../../lab/lab-store.ts";
import type { LabNode } from "../../lab/lab-types.ts";
import { inNetns } from "../../lab/network/netns.ts";
import { bridgeAddress } from "../../lab/network/underlay.ts";
import { addPod, execInPod, type Pod } from "../../lab/pods.ts";
import { type CommandLine, run } from "../../lab/run-command.ts";
import { execOnSystemd, rebootSystemd, waitForSystemd } from "../../lab/systemd/systemd-node.ts";
import { headscale } from "../../lab/tailnet/headscale.ts";
import { preferences } from "../../lab/tailnet/local-api.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { expectCleanNode } from "../support/clean-node.ts";
import { streamedProcess } from "../support/streamed-process.ts";
import { useLab } from "../support/use-lab.ts";

/** n1 is run by a real systemd, has its owner's tailscaled as a unit, and HeadCNI's files on its disk; n2 is an ordinary node. */
const lab = useLab({ nodes: 2, mode: "host", systemd: ["n1"] });
const units = ["headcni-guard", "headcni"];
const pods: { a: Pod; b: Pod } = {} as never;
/** Half of the LAN: narrower than the route of the node's link. */
const lan = "10.99.0.0/25";

const node = (): LabNode => nodeOf(lab(), "n1");
const onNode = (...command: CommandLine) => execOnSystemd(lab(), node(), command);
const ready = () => waitForDaemon(lab(), node(), 120_000);
const reaches = async (from: Pod, to: Pod) =>
  (await execInPod(from, ["ping", "-q", "-c", "1", "-W", "1", to.address])).exitCode === 0;
const podsTalk = () =>
  waitUntil(async () => (await reaches(pods.a, pods.b)) && (await reaches(pods.b, pods.a)), {
    what: "pods of both nodes talk",
    timeoutMs: 60_000,
  });
const property = async (unit: string, name: string) =>
  (await onNode("systemctl", "show", "-P", name, unit)).stdout.trim();
const wayToLan = async () => (await onNode("ip", "route", "get", bridgeAddress)).stdout;

/** A rogue with the nodes' tag serves the LAN of all nodes, by an administrator's mistake, while `work` runs. */
const withStolenLan = (work: () => Promise<void>) =>
  withMember(lab(), "rogue", async (rogue) => {
    await rogue.announce([lan]);
    const { ID } = (await rogue.status()).Self;
    await headscale(lab(), ["nodes", "approve-routes", "-i", ID, "-r", lan]);
    await untilServed(lab(), rogue, node(), lan);
    await work();
  });

test("headcnictl install beside the owner's tailscaled: its unit is left alone, and the node attaches pods", async () => {
  const before = await property("tailscaled", "ExecMainStartTimestampMonotonic");
  const installed = await onNode("headcnictl", "install");
  expect(installed, installed.stdout + installed.stderr).toMatchObject({ exitCode: 0 });
  await ready();
  for (const unit of units) expect(await property(unit, "UnitFileState")).toBe("enabled");
  expect(await property("headcni-wire", "LoadState")).toBe("not-found");
  expect(await property("tailscaled", "ExecMainStartTimestampMonotonic")).toBe(before);
  await waitForSystemd(lab(), node());
  pods.a = await addPod(lab(), "n1", "a");
  pods.b = await addPod(lab(), "n2", "b");
  await podsTalk();
});

test("systemctl restart tailscaled: pods talk again by themselves", async () => {
  expect(await onNode("systemctl", "restart", "tailscaled")).toMatchObject({ exitCode: 0 });
  await podsTalk();
  await ready();
});

test("a node that boots while a rogue serves its LAN reaches the LAN from the first second", async () => {
  await withStolenLan(async () => {
    const ping = streamedProcess(inNetns(lab().netns, ["ping", "-n", "-i", "0.05", node().address]));
    onTestFinished(() => ping.signal("SIGKILL"));
    await rebootSystemd(lab(), node());
    await ready();
    // Its veth went with the machine, as a pod does.
    await run(["ip", "netns", "del", pods.a.netns]);
    pods.a = await addPod(lab(), "n1", "a");
    await podsTalk();
    // ping keeps lines back until it ends.
    ping.signal("SIGINT");
    await ping.ended;
    const { answered, sent } = await ping.heard("what became of the echoes", (said) => ({
      answered: [...said.matchAll(/icmp_seq=(\d+) ttl/g)].map(([, seq]) => Number(seq)),
      sent: Number(/(\d+) packets transmitted/.exec(said)?.[1]),
    }));
    // One gap at most, while it was off: that is sometimes shorter than the time between two echoes.
    const gaps = answered.filter((seq, index) => seq !== (answered[index - 1] ?? 0) + 1);
    expect(gaps.length).toBeLessThanOrEqual(1);
    expect(answered.at(-1)).toBeGreaterThanOrEqual(sent - 1);
    expect(await wayToLan()).toContain("dev eth0");
  });
});

test("and without its rules it would not: the rogue has the LAN", async () => {
  await onNode("systemctl", "disable", ...units);
  await withStolenLan(async () => {
    await rebootSystemd(lab(), node());
    await waitUntil(async () => (await wayToLan()).includes("dev tailscale0"), {
      what: "the rogue's route takes the LAN",
      timeoutMs: 60_000,
      explain: wayToLan,
    });
  });
  await onNode("systemctl", "enable", ...units);
  await onNode("systemctl", "start", ...units);
  await ready();
});

test("headcnictl uninstall gives the owner's tailscaled back as it was", async () => {
  const removed = await onNode("headcnictl", "uninstall", "--yes");
  expect(removed, removed.stdout + removed.stderr).toMatchObject({ exitCode: 0 });
  await expectCleanNode(node());
  expect(await property("tailscaled", "ActiveState")).toBe("active");
  expect(await preferences(node().tailscaledSocket)).toEqual({ RouteAll: false, AdvertiseRoutes: [] });
  for (const unit of units) expect(await property(unit, "LoadState")).toBe("not-found");
});
