import type { Lab, LabNode } from "../lab-types.ts";
import { netnsPrefix, underlayFamilies } from "../layout.ts";
import { run, runResult } from "../run-command.ts";
import { addNetns, inNetns, ipBatch, listNetns, removeNetns, setSysctls } from "./netns.ts";

/** The underlay's bridge in the lab's own namespace; Headscale and DERP listen on its address. */
export const bridgeName = "br0";
export const bridgeAddress = "10.99.0.1";
/** In labs with IPv6. */
export const bridgeAddress6 = "fd00:10:99::1";

/** Makes the namespace with the underlay's bridge. */
export async function buildUnderlay(lab: Lab): Promise<void> {
  const addresses = { 4: `${bridgeAddress}/24`, 6: `${bridgeAddress6}/64` } as const;
  await addNetns(lab.netns);
  await ipBatch(lab.netns, [
    `link add ${bridgeName} type bridge`,
    ...underlayFamilies(lab.options).map(
      (family) => `address add ${addresses[family]} dev ${bridgeName}${family === 6 ? " nodad" : ""}`,
    ),
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
  const address6 = node.address6 === undefined ? undefined : `fd00:10:99::${10 + node.index}`;
  const cable = { port: portOf(node), address: underlayAddress(node), address6 };
  if (node.natNetns === undefined) {
    await plugIn(lab, { ...cable, netns: node.netns });
  } else {
    await addNetns(node.natNetns);
    await plugIn(lab, { ...cable, netns: node.natNetns });
    await putBehindRouter(node, node.natNetns);
    if (address6 !== undefined) await routeIpv6(lab, node, { natNetns: node.natNetns, router: address6 });
  }
}

/** A cable from the bridge to `eth0` of a namespace, and the addresses that the underlay knows it by. */
type Cable = {
  readonly port: string;
  readonly netns: string;
  readonly address: string;
  readonly address6: string | undefined;
};

async function plugIn(lab: Lab, { port, netns, address, address6 }: Cable): Promise<void> {
  await ipBatch(lab.netns, [
    `link add ${port} type veth peer name eth0 address ${macOf(address)} netns ${netns}`,
    `link set ${port} master ${bridgeName} up`,
  ]);
  const ipv4 = underlayFamilies(lab.options).includes(4);
  await ipBatch(netns, [
    ...(ipv4 ? [`address add ${address}/24 dev eth0`] : []),
    "link set eth0 up",
    ...(ipv4 ? [`route add default via ${bridgeAddress}`] : []),
    ...(address6 === undefined
      ? []
      : [`address add ${address6}/64 dev eth0 nodad`, `route add ::/0 via ${bridgeAddress6} dev eth0`]),
  ]);
}

/** A machine that boots keeps its network card: its neighbours' tables stay right. */
function macOf(address: string): string {
  const bytes = address.split(".").map((byte) => Number(byte).toString(16).padStart(2, "0"));
  return ["02", "00", ...bytes].join(":");
}

/** A host of the underlay that is no node, in a namespace of its own. */
export type UnderlayHost = {
  readonly name: string;
  readonly netns: string;
  readonly address: string;
  /** In labs whose underlay has IPv6. */
  readonly address6: string | undefined;
};

/** Those that attacks come from, by the last number of their addresses. */
const outsiders = { neighbour: 200, rogue: 201, member: 202 } as const;

/** Plugs a host into the underlay; one that is there already is left as it is. */
export async function plugInHost(lab: Lab, name: keyof typeof outsiders): Promise<UnderlayHost> {
  const netns = hostNetns(lab, name);
  const number = outsiders[name];
  const address = `10.99.0.${number}`;
  const address6 = underlayFamilies(lab.options).includes(6) ? `fd00:10:99::${number}` : undefined;
  const host = { name, netns, address, address6 };
  if ((await listNetns(netns)).includes(netns)) return host;
  await addNetns(netns);
  await plugIn(lab, { ...host, port: name });
  return host;
}

/** Takes a host from the underlay, whose processes have ended; one that is not there is no error. */
export async function unplugHost(lab: Lab, name: keyof typeof outsiders): Promise<void> {
  await removeNetns(hostNetns(lab, name));
  // It would go with the namespace, but some time later.
  await runResult(["ip", "-n", lab.netns, "link", "del", name]);
}

function hostNetns(lab: Lab, name: keyof typeof outsiders): string {
  return `${netnsPrefix(lab.id)}${name}`;
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

/**
 * What a home has of IPv6: a prefix of its own, routed and not translated, and a router that lets nothing in that nobody asked for
 * (RFC 6092, section 3.2.1). The lab's own namespace is the provider's.
 */
async function routeIpv6(
  lab: Lab,
  node: LabNode,
  { natNetns, router }: { readonly natNetns: string; readonly router: string },
): Promise<void> {
  const home = `fd00:10:99:${node.index}::`;
  await setSysctls(natNetns, { "net.ipv6.conf.all.forwarding": "1" });
  await ipBatch(natNetns, [`address add ${home}1/64 dev lan0 nodad`]);
  await ipBatch(node.netns, [
    `address add ${node.address6}/64 dev eth0 nodad`,
    `route add ::/0 via ${home}1 dev eth0`,
  ]);
  await run(inNetns(natNetns, ["nft", "-f", "-"]), {
    input: `table ip6 router {
      chain forward {
        type filter hook forward priority filter; policy drop;
        iifname lan0 accept
        ct state established,related accept
      }
    }`,
  });
  await setSysctls(lab.netns, { "net.ipv6.conf.all.forwarding": "1" });
  await ipBatch(lab.netns, [`route add ${home}/64 via ${router} dev ${bridgeName}`]);
}
