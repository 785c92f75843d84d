import { inNode } from "../../../lab/kubernetes/node/node-machine.ts";
import type { Lab, LabNode } from "../../../lab/lab-types.ts";
import { run } from "../../../lab/run-command.ts";
import { waitUntil } from "../../../lab/wait-until.ts";

/** What a node's kernel and disk have, as text by topic: equal before an installation and after its end. */
export type NodeSnapshot = Readonly<Record<string, readonly string[]>>;

/** Tables that kubelet and kube-proxy fill, at times of their own: of these only what has our name counts. */
const kubernetesTables = " (filter|nat|mangle|kube-proxy)$";

const commands = {
  links: "ip -o link show | sed -E 's/^[0-9]+: ([^:@]+).* mtu ([0-9]+) .*/\\1 mtu \\2/'",
  rules: "ip rule; ip -6 rule",
  // A boot gives eth0 another hardware address, and with it another address of its link.
  routes: `{ ip route show table all; ip -6 route show table all; } |
    sed -E 's/ expires [0-9]+sec//; s/fe80::[0-9a-f:]+ dev eth0/fe80:: dev eth0/'`,
  tables: `nft list tables | grep -vE '${kubernetesTables}' || true`,
  nftables: `nft list tables | grep -vE '${kubernetesTables}' |
    while read -r _ family name; do nft -s list table "$family" "$name"; done`,
  tagged: "nft -s list ruleset | grep -i headcni || true",
  sysctls: `cd /proc/sys/net; grep -H . ipv4/ip_forward
    for part in ipv4 ipv6; do for link in all default lo eth0; do
      grep -H . "$part/conf/$link/forwarding" "$part/conf/$link/rp_filter" "$part/conf/$link/src_valid_mark" \
        "$part/conf/$link/arp_ignore" "$part/conf/$link/proxy_arp" "$part/conf/$link/accept_local" \
        "$part/conf/$link/route_localnet" "$part/conf/$link/accept_ra" "$part/conf/$link/send_redirects" 2>/dev/null || true
    done; done`,
  namespaces: "ls /run/netns",
  // The folders themselves stay, as volumes of the host do, and what they once held was not for everybody.
  files: `for folder in /opt/cni/bin /etc/cni/net.d /run/headcni /var/lib/headcni; do
      find "$folder" -mindepth 1 -printf '%p %y %m %l\\n'; done`,
  programs: "cat /proc/[0-9]*/comm | grep -E '^(node|tailscaled|headcni)' || true",
} as const;

/** Waits until kube-proxy has begun to do to a node what it does to any. */
export async function untilNodeSettled(lab: Lab, node: LabNode): Promise<void> {
  const settled = async () => {
    const command = await inNode(lab, node, ["nft", "list", "tables"]);
    return (await run(command, { timeoutMs: 60_000 })).includes("kube-proxy");
  };
  await waitUntil(settled, { what: `kube-proxy runs on ${node.name}`, timeoutMs: 180_000, everyMs: 500 });
}

/** Looks at a node of a cluster. */
export async function nodeSnapshot(lab: Lab, node: LabNode): Promise<NodeSnapshot> {
  const topics = Object.entries(commands).map(async ([topic, command]) => {
    const said = await run(await inNode(lab, node, ["sh", "-euc", command]), { timeoutMs: 120_000 });
    return [topic, said.trim().split("\n").sort()] as const;
  });
  return Object.fromEntries(await Promise.all(topics));
}
