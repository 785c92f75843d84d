import { hostPrefix } from "../../../../src/domain/addresses/prefix.ts";
import type { LabNode } from "../../lab-types.ts";
import type { Pod } from "../../pods.ts";
import type { Finding, Scene } from "../attack.ts";
import { attackPods, honestPingFromNode, reaches } from "../tools/attack-pods.ts";
import { type Member, tailnetAddress, untilServed, withMember } from "../tools/member.ts";
import { freshNumber, makeProbes, probeFilter, probesIn, sendProbes } from "../tools/probes.ts";
import { arrivalFinding, waysBetween } from "../tools/through-node.ts";
import { linkIn, type WatchedLink, watchLinks } from "../tools/watch-links.ts";

/**
 * The rogue announces the addresses of one pod, which are inside the prefix of its node. tailscaled believes the more specific prefix,
 * so what others send to that pod takes the way to the rogue, and no rule of the pod's own node can change that: it must be dropped at
 * the sender's node.
 */
export async function announceSlice(scene: Scene, owner: "node" | "other"): Promise<readonly Finding[]> {
  const { lab, node, other } = scene;
  const { attacker, victim, remote } = await attackPods(scene);
  const [target, sender] = owner === "node" ? [victim, remote] : [remote, attacker];
  return await withMember(lab, "rogue", async (rogue) => {
    await rogue.announce(target.addresses.map(hostPrefix));
    for (const address of target.addresses)
      for (const each of [node, other]) await untilServed(lab, rogue, each, hostPrefix(address));
    const findings = await impersonate(scene, rogue, { target, sender });
    if (owner === "other") return findings;
    const cut = (await Promise.all(victim.addresses.map((address) => reaches(attacker, address)))).includes(
      false,
    );
    const saw = cut ? "the pod is cut off on its own node" : "pods beside it reach the pod";
    return [...findings, { saw, harm: cut }];
  });
}

/** Who is impersonated, and a pod of another node, which must neither lose packets to the rogue nor get any of it. */
export interface Impersonation {
  readonly target: Pick<Pod, "name" | "addresses">;
  readonly sender: Pod;
}

/** Has `sender` send to a pod whose addresses the rogue serves, and the rogue send to `sender` as that pod. */
export async function impersonate(
  { lab, node, other }: Scene,
  rogue: Member,
  { target, sender }: Impersonation,
): Promise<readonly Finding[]> {
  const senderNode = sender.node === node.name ? node : other;
  const first = freshNumber();
  const outward = makeProbes(waysBetween(sender.addresses, target.addresses), ["udp", "syn", "echo"], first);
  const ways = waysBetween(target.addresses, sender.addresses);
  const inward = makeProbes(ways, ["udp", "syn", "echo", "synAck"], first + outward.length).map((probe) => ({
    ...probe,
    what: `${probe.what} as pod ${target.name}`,
  }));
  const links: readonly WatchedLink[] = [
    { what: "the rogue", ...linkIn(rogue.host.netns, rogue.link), filter: probeFilter(outward) },
    { what: `pod ${sender.name}`, ...linkIn(sender.netns, "eth0"), filter: probeFilter(inward) },
  ];
  const [taken, forged] = await watchLinks(lab, links, async () => {
    for (let time = 0; time < 2; time += 1) {
      await throughTunnel(rogue, senderNode, sender);
      await sendProbes(lab, sender.netns, outward);
      await sendProbes(lab, rogue.host.netns, inward);
    }
    await throughTunnel(rogue, senderNode, sender);
  });
  return [
    arrivalFinding("the rogue", probesIn(taken?.lines ?? [], outward), outward),
    arrivalFinding(`pod ${sender.name}`, probesIn(forged?.lines ?? [], inward), inward),
  ];
}

/** The tunnel between the rogue and a node stands, and the node passes packets on to its pod. */
async function throughTunnel(rogue: Member, node: LabNode, pod: Pod): Promise<void> {
  await rogue.reach(await tailnetAddress(node));
  await honestPingFromNode(node, pod.addresses);
}
