import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Lab, LabNode } from "../lab-types.ts";
import { inNetns, ipBatch, setSysctls } from "../network/netns.ts";
import { run } from "../run-command.ts";

/**
 * A pod network without HeadCNI: a route per node on the underlay, egress masqueraded, and the reference plugins. It
 * proves the lab itself, and is what HeadCNI is measured against.
 */
export async function provideReferenceNetwork(lab: Lab, node: LabNode): Promise<void> {
  const others = lab.nodes.filter((other) => other !== node);
  await ipBatch(
    node.netns,
    others.map((other) => `route add ${other.podCIDR} via ${other.address}`),
  );
  await setSysctls(node.netns, { "net.ipv4.ip_forward": "1" });
  await run(inNetns(node.netns, ["nft", "-f", "-"]), {
    input: `table ip reference {
      chain postrouting {
        type nat hook postrouting priority srcnat;
        ip saddr ${node.podCIDR} ip daddr != ${lab.supernet} oifname eth0 masquerade
      }
    }`,
  });
  await writeFile(join(node.cniConfDir, "10-reference.conflist"), JSON.stringify(conflist(node)));
}

function conflist(node: LabNode): unknown {
  const ipam = {
    type: "host-local",
    ranges: [[{ subnet: node.podCIDR }]],
    routes: [{ dst: "0.0.0.0/0" }],
    // Empty after a reboot, as the node's pods are gone then.
    dataDir: "/run/cni-networks",
  };
  return {
    cniVersion: "1.0.0",
    name: "reference",
    plugins: [
      { type: "ptp", mtu: 1500, ipam },
      { type: "portmap", capabilities: { portMappings: true }, snat: true },
    ],
  };
}
