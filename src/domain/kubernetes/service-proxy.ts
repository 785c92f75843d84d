/** What translates Services' addresses on a node; "none": nothing that the kernel shows (kube-proxy is away, or BPF does it). */
export type ServiceProxy = "netfilter" | "ipvs" | "none";

/** What is wrong with one that is not supported, in words; null for the supported one. */
export const proxyProblem: Readonly<
  Record<ServiceProxy, { readonly found: string; readonly why: string; readonly todo: string } | null>
> = {
  netfilter: null,
  ipvs: {
    found: "IPVS translates Services' addresses",
    why: "It hands packets to pods past the chains in which HeadCNI tells the underlay from the cluster.",
    todo: "Run kube-proxy in mode nftables or iptables.",
  },
  none: {
    found: "nothing in netfilter translates Services' addresses",
    why: "Either kube-proxy does not run and Services do not work, or a BPF program does its work: what that sends from the underlay to a pod looks untranslated, and HeadCNI drops it.",
    todo: "Run kube-proxy in mode nftables or iptables; where BPF has to stay, name those senders in network.allowFromUnderlay.",
  },
};

/** What operators are told of it on pages and at the Node; empty for the supported one. */
export function proxyCaution(proxy: ServiceProxy): string {
  const problem = proxyProblem[proxy];
  return problem === null ? "" : `${problem.found}: see firewall.services of headcnictl doctor`;
}
