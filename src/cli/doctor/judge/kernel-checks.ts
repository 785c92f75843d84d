import { type KernelFeature, kernelFeatures } from "./facts.ts";
import { type Check, type Checks, fail, listed, ok, skipped } from "./finding.ts";

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
    what: "the node's nftables table (sources, connection tracking, masquerade, port forward)",
    todo: "Load nf_tables, nft_chain_nat, nft_masq, nft_nat, nft_ct, nft_fib_inet and install nftables 1.0.6 or newer.",
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
export const kernelChecks: Checks = {
  "kernel.privileges"({ node: { missingCapabilities } }) {
    if (missingCapabilities.length === 0) return ok("all needed capabilities");
    return fail({
      found: `missing ${listed(missingCapabilities)}`,
      why: "HeadCNI makes links, routes, rules and namespaces; several of these checks need the same rights.",
      todo: "Run as root; in a container add NET_ADMIN, NET_RAW and SYS_ADMIN.",
    });
  },

  ...Object.fromEntries(kernelFeatures.map((feature) => [`kernel.${feature}`, trial(feature)])),

  "kernel.tun"({ node: { tunDevice: refusal } }, { ownerSocket }) {
    if (ownerSocket !== "") return undefined;
    if (refusal === "") return ok("/dev/net/tun opens");
    return fail({
      found: `/dev/net/tun: ${refusal}`,
      why: "tailscaled makes its interface with it; without it no packet leaves the node for another.",
      todo: "Load the module tun (modprobe tun); in a container or VM allow the device 10:200.",
    });
  },
};

function trial(feature: KernelFeature): Check {
  return ({ node: { trials, kernelRelease } }) => {
    if ("unknown" in trials)
      return feature === "attachment" ? skipped(`not tried: ${trials.unknown}`) : undefined;
    const { what, todo } = features[feature];
    const tried = trials.value.find((one) => one.feature === feature);
    if (tried === undefined) return undefined;
    if (tried.refusal === "") return ok(what);
    return fail({
      found: `${what}: ${tried.refusal} (kernel ${kernelRelease})`,
      why: "HeadCNI does the same for the node and its pods and would fail at it.",
      todo,
    });
  };
}
