import { inNode } from "../../lab/kubernetes/node-machine.ts";
import type { Lab, LabNode } from "../../lab/lab-types.ts";
import { run } from "../../lab/run-command.ts";
import { waitUntil } from "../../lab/wait-until.ts";

/** What a node's kernel and disk have, as text by topic: equal before an installation and after its end. */
export type NodeSnapshot = Readonly<Record<string, readonly string[]>>;

/** Numbers that change by themselves, and rules of kube-proxy, which follow the cluster's Services. */
const commands = {
  links: "ip -o link show | sed -E 's/^[0-9]+: ([^:@]+).* mtu ([0-9]+) .*/\\1 mtu \\2/'",
  rules: "ip rule; ip -6 rule",
  routes: "ip route show table all; ip -6 route show table all | sed -E 's/ expires [0-9]+sec//'",
  tables: "nft list tables",
  nftables: `nft list tables | grep -v ' kube-proxy$' |
    while read -r _ family name; do nft -s list table "$family" "$name"; done`,
  sysctls: `cd /proc/sys/net; grep -H . ipv4/ip_forward
    for part in ipv4 ipv6; do for link in all default lo eth0; do
      grep -H . "$part/conf/$link/forwarding" "$part/conf/$link/rp_filter" "$part/conf/$link/src_valid_mark" \
        "$part/conf/$link/arp_ignore" "$part/conf/$link/proxy_arp" "$part/conf/$link/accept_local" \
        "$part/conf/$link/route_localnet" "$part/conf/$link/accept_ra" "$part/conf/$link/send_redirects" 2>/dev/null || true
    done; done`,
  namespaces: "ls /run/netns",
  files: `for folder in /opt/cni/bin /etc/cni/net.d /run/headcni /var/lib/headcni; do
      find "$folder" -printf '%p %y %m %l\\n'; done`,
  programs: "cat /proc/[0-9]*/comm | grep -E '^(node|tailscaled|headcni)' || true",
} as const;

/** kubelet and kube-proxy make these when they start. */
const kubernetesTables = ["filter", "nat", "mangle", "kube-proxy"].flatMap((name) =>
  ["ip", "ip6"].map((family) => `table ${family} ${name}`),
);

/** Waits until kubelet and kube-proxy have done to a node what they do to any. */
export async function untilNodeSettled(lab: Lab, node: LabNode): Promise<void> {
  const settled = async () => {
    const { tables = [] } = await nodeSnapshot(lab, node);
    return kubernetesTables.every((table) => tables.includes(table));
  };
  await waitUntil(settled, {
    what: `kubelet and kube-proxy run on ${node.name}`,
    timeoutMs: 120_000,
    everyMs: 500,
  });
}

/** Looks at a node of a cluster. */
export async function nodeSnapshot(lab: Lab, node: LabNode): Promise<NodeSnapshot> {
  const topics = Object.entries(commands).map(async ([topic, command]) => {
    const said = await run(await inNode(lab, node, ["sh", "-euc", command]), { timeoutMs: 30_000 });
    return [topic, said.trim().split("\n").sort()] as const;
  });
  return Object.fromEntries(await Promise.all(topics));
}
