import type { KernelFeature, NodeFacts } from "./facts.ts";
import { type Finding, fail, listed, ok, skipped } from "./finding.ts";

const features: Readonly<Record<KernelFeature, { readonly what: string; readonly todo: string }>> = {
  attachment: {
    what: "veth pairs with group and alias, made and routed in one batch",
    todo: "Use a kernel of 5.10 or newer with CONFIG_VETH and CONFIG_NET_NS (module veth).",
  },
  routing: {
    what: "policy rules, unreachable routes and the link to the tailnet namespace",
    todo: "Use a kernel with CONFIG_IP_MULTIPLE_TABLES (and CONFIG_IPV6_MULTIPLE_TABLES for IPv6).",
  },
  firewall: {
    what: "the node's nftables table (masquerade, port forward)",
    todo: "Load nf_tables, nft_chain_nat, nft_masq, nft_nat, nft_fib_inet and install nftables 1.0 or newer.",
  },
  tailnetFirewall: {
    what: "the tailnet namespace's nftables table (SNAT, segment size, connection tracking)",
    todo: "Load nf_tables, nft_chain_nat, nft_nat, nft_ct and nft_exthdr.",
  },
  forwarding: {
    what: "the switches for forwarding in a namespace",
    todo: "Let this process write /proc/sys/net (in a container: a writable mount of it).",
  },
};

/** What the kernel must be able to do, as tried in a throw-away namespace. */
export function kernelChecks(node: NodeFacts): readonly Finding[] {
  return [privileges(node), ...trials(node), tunDevice(node)];
}

function privileges({ missingCapabilities }: NodeFacts): Finding {
  const id = "kernel.privileges";
  if (missingCapabilities.length === 0) return ok(id, "all needed capabilities");
  return fail(id, {
    found: `missing ${listed(missingCapabilities)}`,
    why: "HeadCNI makes links, routes, rules and namespaces; several of these checks need the same rights.",
    todo: "Run as root; in a container add NET_ADMIN, NET_RAW and SYS_ADMIN.",
  });
}

function trials({ trials: fact, kernelRelease }: NodeFacts): readonly Finding[] {
  if ("unknown" in fact) return [skipped("kernel.attachment", `not tried: ${fact.unknown}`)];
  return fact.value.map(({ feature, refusal }) => {
    const { what, todo } = features[feature];
    const id = `kernel.${feature}` as const;
    if (refusal === "") return ok(id, what);
    return fail(id, {
      found: `${what}: ${refusal} (kernel ${kernelRelease})`,
      why: "HeadCNI does the same for the node and its pods and would fail at it.",
      todo,
    });
  });
}

function tunDevice({ tunDevice: refusal }: NodeFacts): Finding {
  const id = "kernel.tun";
  if (refusal === "") return ok(id, "/dev/net/tun opens");
  return fail(id, {
    found: `/dev/net/tun: ${refusal}`,
    why: "tailscaled makes its interface with it; without it no packet leaves the node for another.",
    todo: "Load the module tun (modprobe tun); in a container or VM allow the device 10:200.",
  });
}
