import type { Lab, LabNode } from "./lab-types.ts";
import { addNetns, inNetns, ipBatch, setSysctls } from "./netns.ts";
import { run } from "./run-command.ts";

/** The underlay's bridge in the lab's own namespace; Headscale and DERP listen on its address. */
export const bridgeName = "br0";
export const bridgeAddress = "10.99.0.1";
/** In labs with IPv6. */
export const bridgeAddress6 = "fd00:10:99::1";

/** Makes the namespace with the underlay's bridge. */
export async function buildUnderlay(lab: Lab): Promise<void> {
  await addNetns(lab.netns);
  await ipBatch(lab.netns, [
    `link add ${bridgeName} type bridge`,
    `address add ${bridgeAddress}/24 dev ${bridgeName}`,
    ...(lab.options.families.includes(6) ? [`address add ${bridgeAddress6}/64 dev ${bridgeName} nodad`] : []),
    `link set ${bridgeName} up`,
  ]);
  // This kernel may hand bridged packets to the namespace's netfilter, where they have no business.
  await setSysctls(lab.netns, { "net.bridge.bridge-nf-call-iptables": "0" }).catch(() => undefined);
}

/** The bridge port that belongs to a node, as named in the lab's namespace: where faults of its cable are made. */
export function portOf(node: LabNode): string {
  return node.name;
}

/** The address by which the underlay knows a node: its own, or that of the router before it. */
export function underlayAddress(node: LabNode): string {
  return `10.99.0.${10 + node.index}`;
}

/** Makes a node's namespace and its cable: `eth0` at the node (or at the router before it), a bridge port at the other end. */
export async function cableNode(lab: Lab, node: LabNode): Promise<void> {
  await addNetns(node.netns);
  if (node.natNetns === undefined) {
    await plugIn(lab, node, node.netns);
  } else {
    await addNetns(node.natNetns);
    await plugIn(lab, node, node.natNetns);
    await putBehindRouter(node, node.natNetns);
  }
}

async function plugIn(lab: Lab, node: LabNode, netns: string): Promise<void> {
  const port = portOf(node);
  await ipBatch(lab.netns, [
    `link add ${port} type veth peer name eth0 netns ${netns}`,
    `link set ${port} master ${bridgeName} up`,
  ]);
  await ipBatch(netns, [
    `address add ${underlayAddress(node)}/24 dev eth0`,
    "link set eth0 up",
    `route add default via ${bridgeAddress}`,
    ...(node.address6 === undefined
      ? []
      : [`address add ${node.address6}/64 dev eth0 nodad`, `route add ::/0 via ${bridgeAddress6} dev eth0`]),
  ]);
}

/** A home router: forwards what the node sends with its own address, and back only what belongs to that (RFC 4787 "endpoint-independent mapping" is not promised). */
async function putBehindRouter(node: LabNode, natNetns: string): Promise<void> {
  const inside = `192.168.${node.index}.1`;
  await ipBatch(natNetns, [
    `link add lan0 type veth peer name eth0 netns ${node.netns}`,
    `address add ${inside}/24 dev lan0`,
    "link set lan0 up",
  ]);
  await ipBatch(node.netns, [
    `address add ${node.address}/24 dev eth0`,
    "link set eth0 up",
    `route add default via ${inside}`,
  ]);
  await setSysctls(natNetns, { "net.ipv4.ip_forward": "1" });
  await run(inNetns(natNetns, ["nft", "-f", "-"]), {
    input: `table ip router {
      chain postrouting { type nat hook postrouting priority srcnat; oifname eth0 masquerade; }
      chain forward {
        type filter hook forward priority filter; policy drop;
        iifname lan0 accept
        ct state established,related accept
      }
    }`,
  });
}
