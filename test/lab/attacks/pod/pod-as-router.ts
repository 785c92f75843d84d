import { attachmentLinkGroup } from "../../../../src/domain/kernel/kernel-constants.ts";
import { LabError } from "../../lab-error.ts";
import type { LabNode } from "../../lab-types.ts";
import { inNetns } from "../../network/netns.ts";
import { type RawPacket, redirect, routerAdvertisement } from "../../network/raw-packet.ts";
import { bridgeAddress } from "../../network/underlay.ts";
import { run, runResult } from "../../run-command.ts";
import type { Attack, Finding } from "../attack.ts";
import { attackPods, honestPing } from "../tools/attack-pods.ts";
import { sendPackets } from "../tools/probes.ts";
import { withNeighbour } from "../tools/through-node.ts";
import { withSysctl } from "../tools/with-sysctls.ts";

const prefix = "fd00:bad::";
const allNodes = "ff02::1";
/** Any address of a link will do. */
const own = "fe80::bad";
/** Both are for the sender's own link alone (RFC 4861, section 7.1). */
const hopLimit = 255;

export const podAsRouter: Attack = {
  name: "pod-as-router",
  promise: "sources",
  does: "a pod advertises itself as the node's router and redirects its traffic, on a node that hears advertisements and redirects on every link",
  heldBy: { where: "node", names: ["pod-router"] },
  run: (scene) =>
    withNeighbour(scene, async (neighbour) => {
      const { lab, node } = scene;
      if (!lab.options.families.includes(6))
        throw new LabError("BAD_OPTION", "it takes a lab with IPv6: up --dual-stack");
      const { attacker, victim } = await attackPods(scene);
      const before = await routesTo(node, neighbour.addresses);
      const toAll = { source: own, destination: allNodes, hopLimit };
      // Only the router in use is heard about another way: the LAN's for IPv4.
      const redirects = neighbour.addresses.map((far, index) =>
        far.includes(":")
          ? { ...toAll, body: redirect(own, far, own) }
          : {
              source: bridgeAddress,
              destination: node.address,
              body: redirect(attacker.addresses[index] ?? "", far, node.address),
            },
      );
      const packets: readonly RawPacket[] = [{ ...toAll, body: routerAdvertisement(prefix) }, ...redirects];
      const sent = () => sendPackets(lab, attacker.netns, packets, "eth0");
      const everywhere = (sysctl: string, value: string, work: () => Promise<void>) =>
        withSysctl(node, sysctl, value, work);
      try {
        await everywhere("net/ipv6/conf/*/accept_ra", "2", () =>
          everywhere("net/ipv4/conf/*/accept_redirects", "1", () =>
            everywhere("net/ipv4/conf/*/rp_filter", "0", async () => {
              await honestPing(attacker, neighbour.addresses);
              // What was sent is handled when a later echo is answered; not by the neighbour, to whom the way may have moved.
              await sent();
              await honestPing(attacker, victim.addresses);
              await sent();
              await honestPing(attacker, victim.addresses);
            }),
          ),
        );
        return [
          await becameRouter(node),
          await gotAddress(node),
          await movedRoutes(node, neighbour.addresses, before),
        ];
      } finally {
        await forget(node);
      }
    }),
};

async function becameRouter(node: LabNode): Promise<Finding> {
  const routes = await run(inNetns(node.netns, ["ip", "-6", "route", "show", "default"]));
  const byPod = routes.split("\n").find((line) => line.includes(` via ${own} `));
  return byPod === undefined
    ? { saw: "the node took no router from a pod", harm: false }
    : { saw: `the node has a default route by a pod: ${byPod.trim()}`, harm: true };
}

async function gotAddress(node: LabNode): Promise<Finding> {
  const addresses = await run(inNetns(node.netns, ["ip", "-6", "-o", "address", "show"]));
  const made = addresses.split("\n").find((line) => line.includes(` ${prefix.replace(/::$/, ":")}`));
  return made === undefined
    ? { saw: "and no address", harm: false }
    : { saw: `the node has an address of the pod's prefix: ${made.trim()}`, harm: true };
}

async function movedRoutes(node: LabNode, targets: readonly string[], before: string): Promise<Finding> {
  const after = await routesTo(node, targets);
  return after === before
    ? { saw: "no redirect was followed", harm: false }
    : { saw: `the node's way changed from ${before} to ${after}`, harm: true };
}

/** How the node reaches addresses, without counters. */
async function routesTo(node: LabNode, targets: readonly string[]): Promise<string> {
  const ways = targets.map(async (target) => {
    const { stdout } = await runResult(inNetns(node.netns, ["ip", "-o", "route", "get", target]));
    return stdout
      .replace(/ expires \S+| uid \d+/g, "")
      .replace(/\s+/g, " ")
      .trim();
  });
  return (await Promise.all(ways)).join(", ");
}

/** Takes back what a pod taught the node. */
async function forget(node: LabNode): Promise<void> {
  const ip = (...args: readonly string[]) => runResult(inNetns(node.netns, ["ip", ...args]));
  const { stdout } = await ip("-j", "link", "show", "group", String(attachmentLinkGroup));
  const links = JSON.parse(stdout === "" ? "[]" : stdout) as readonly { readonly ifname: string }[];
  for (const { ifname } of links) {
    await ip("-6", "route", "flush", "dev", ifname, "proto", "ra");
    await ip("-6", "address", "flush", "dev", ifname, "to", `${prefix}/64`);
  }
  await ip("route", "flush", "cache");
}
