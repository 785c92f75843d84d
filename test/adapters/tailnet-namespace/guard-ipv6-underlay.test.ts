import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import type { NamespaceGuard } from "../../../src/domain/guard/guard-settings.ts";
import { inNetns } from "../../lab/network/netns.ts";
import { encodePacket, routerAdvertisement } from "../../lab/network/raw-packet.ts";
import { type CommandLine, run, runResult } from "../../lab/run-command.ts";
import { until } from "../../support/until.ts";
import { capture } from "./capture.ts";
import { type GuardedNode, guardedNode } from "./guarded-node.ts";
import { sampleSettings } from "./sample-settings.ts";

const settings: NamespaceGuard = {
  ...sampleSettings,
  carrier: { ...sampleSettings.carrier, linkPrefixes: ["198.18.0.0/30", "fdc1::/126"] },
};
const router = { linkLocal: "fe80::77", address: "2001:db8:7::77" };

let node: GuardedNode;
afterEach(() => node?.remove());

/** The LAN's router says that it is one, and that this prefix is the LAN's. */
async function advertise(prefix: string): Promise<void> {
  const ethernet = Buffer.from("3333000000010200000000ff86dd", "hex");
  const body = routerAdvertisement(prefix);
  const packet = encodePacket({ source: router.linkLocal, destination: "ff02::1", body, hopLimit: 255 });
  const script = fileURLToPath(new URL("./frames-process.ts", import.meta.url));
  const [index = ""] = (await node.inUplink("ip", "-o", "link", "show", "lan0")).split(":");
  const input = JSON.stringify([Buffer.concat([ethernet, packet]).toString("hex")]);
  await run(inNetns(node.names.uplink, [process.execPath, script, index]), { input });
}

/** The node's address out of the prefix ("2001:db8:7"), once it has one. */
const addressIn = (prefix: string) =>
  until(
    async () =>
      new RegExp(`inet6 (${prefix}:\\S+)/64`).exec(
        await node.inNode("ip", "-6", "address", "show", "up0"),
      )?.[1],
    `an address of ${prefix}`,
  );
const sysctls = async () =>
  (await node.inNode("sysctl", "-n", "net.ipv6.conf.all.forwarding", "net.ipv6.conf.up0.accept_ra")).split(
    "\n",
  );
const advertised = () => node.inNode("ip", "-6", "route", "show", "default", "proto", "ra");
const reaches = async (...target: readonly string[]) => {
  const ping: CommandLine = ["ping", "-q", "-c", "3", "-i", "0.2", "-W", "1", ...target];
  return (await runResult(inNetns(node.names.uplink, ping))).exitCode === 0;
};

test("IPv6 that a router advertises after the guard began reaches X, the node keeps its route, and cleanup gives it back", async () => {
  node = await guardedNode("ipv6", settings);
  await node.inUplink("ip", "address", "add", `${router.linkLocal}/64`, "dev", "lan0", "nodad");
  await node.inUplink("ip", "address", "add", `${router.address}/64`, "dev", "lan0", "nodad");
  await node.start();
  const inX = () => node.inX("ip", "-6", "address", "show", "scope", "global");
  expect(await inX()).toBe("");
  expect((await sysctls()).slice(0, 2)).toEqual(["0", "1"]);

  await advertise("2001:db8:7::");
  await until(async () => (await inX()).includes("fdc1::2/126"), "X has IPv6");
  await until(async () => (await sysctls())[0] === "1", "the node forwards IPv6");
  await node.settled();
  expect((await sysctls())[1]).toBe("2");
  expect(await advertised()).toContain(router.linkLocal);
  // A host that forwards and hears no router any more would lose this when its time is over.
  await advertise("2001:db8:8::");
  await addressIn("2001:db8:8");

  const own = await addressIn("2001:db8:7");
  const seen = await capture(inNetns(node.names.uplink, ["env"]), "lan0", "icmp6[icmp6type] == icmp6-echo");
  await node.inX("ping", "-c", "1", "-W", "5", router.address);
  const echoes = (await seen.stop()).filter((line) => line.includes(" > "));
  expect(echoes).toEqual([expect.stringContaining(`${own} > ${router.address}`)]);

  const enterX: CommandLine = ["nsenter", `--net=${node.tailnetPath}`, "--"];
  const port = await capture(enterX, "eth0", "udp port 41642");
  await node.inUplink("bash", "-c", `echo >/dev/udp/${own}/41642`);
  await until(() => port.lines().some((line) => line.includes("> fdc1::2.41642")), "tailscaled's port");
  await port.stop();

  await node.inUplink("ip", "-6", "route", "add", "fdc1::/126", "via", own);
  expect(await reaches(own)).toBe(true);
  expect(await reaches("fdc1::2")).toBe(false);

  await node.cleanUp();
  expect((await sysctls()).slice(0, 2)).toEqual(["0", "1"]);
  expect(await advertised()).toContain(router.linkLocal);
});

test("a node without IPv6 is left without, and one whose new links have none by default gets it on the veth", async () => {
  node = await guardedNode("no6", settings);
  await node.inNode("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1");
  await node.start();
  const veth = () => node.inNode("ip", "-6", "address", "show", "headcni0");
  expect(await veth()).toBe("");
  await node.inNode("ip", "address", "add", "2001:db8:7::2/64", "dev", "up0", "nodad");
  await until(async () => (await veth()).includes("fdc1::1/126"), "the veth has IPv6");
  await node.settled();
  await node.cleanUp();
});
