import { containsPrefix, overlaps, parsePrefix } from "../../../domain/addresses/prefix.ts";
import {
  addressWay,
  internalAddresses,
  publishedAddresses,
} from "../../../domain/kubernetes/node-address.ts";
import type { DoctorSettings, KubernetesFacts } from "./facts.ts";
import { type Check, type Checks, fail, listed, type Outcome, ok, skipped, warn } from "./finding.ts";

/** The cluster, as the daemon's credentials see it. */
export const kubernetesChecks: Checks = {
  "kubernetes.api"({ kubernetes }) {
    if (kubernetes === undefined) return undefined;
    if (kubernetes.unreachable === "") return ok("the API server answers");
    return fail({
      found: kubernetes.unreachable,
      why: "The daemon learns this node's pod CIDR, its pods and the other nodes there.",
      todo: "Correct kubernetes.kubeconfig; the node must reach the API server without the pod network.",
    });
  },

  "kubernetes.rights": onceReached(({ forbidden }) => {
    if ("unknown" in forbidden) return skipped(forbidden.unknown);
    if (forbidden.value.length === 0) return ok("the daemon may do all it has to");
    return fail({
      found: `these credentials may not ${listed(forbidden.value, 6)}`,
      why: "The daemon waits forever for what it cannot read, and cannot report what goes wrong.",
      todo: "Apply the ClusterRole of the chart (deploy/), or use credentials that have it.",
    });
  }),

  "kubernetes.node": onceReached(({ ownPodCidrs }, { nodeName, supernets, ownPrefixes }) => {
    if ("unknown" in ownPodCidrs) return skipped(ownPodCidrs.unknown);
    const cidrs = ownPodCidrs.value;
    if (cidrs === undefined)
      return fail({
        found: `there is no Node "${nodeName}"`,
        why: "The daemon finds its pod CIDR by that name.",
        todo: "Set nodeName to the Node's name (kubectl get nodes), or register the node first.",
      });
    if (cidrs.length === 0)
      return fail({
        found: `the Node ${nodeName} has no podCIDR`,
        why: "Without it the daemon knows no addresses for pods and waits.",
        todo: "Run kube-controller-manager with --allocate-node-cidrs and --cluster-cidr, or set network.nodePodCIDR.",
      });
    const outside = cidrs.filter((cidr) => !insideAny(cidr, supernets));
    if (outside.length > 0)
      return fail({
        found: `the Node's ${listed(outside)} lies outside network.podCIDR ${supernets.join(" or ")}`,
        why: "HeadCNI carries the addresses of network.podCIDR only.",
        todo: "Set network.podCIDR to kube-controller-manager's --cluster-cidr.",
      });
    const differing = ownPrefixes.filter((prefix) => !cidrs.includes(prefix));
    if (differing.length > 0)
      return fail({
        found: `network.nodePodCIDR is ${listed(differing)}, the Node has ${cidrs.join(" and ")}`,
        why: "Other nodes expect the Node's addresses and refuse these.",
        todo: "Remove network.nodePodCIDR from the configuration.",
      });
    return ok(`${nodeName} has ${cidrs.join(" and ")}`);
  }),

  "kubernetes.nodeAddress"({ kubernetes, daemon }, { publishesAddress, supernets }) {
    if (!publishesAddress || kubernetes?.unreachable !== "") return undefined;
    const { ownAddressing: own, ownPodCidrs: cidrs } = kubernetes;
    if ("unknown" in own) return skipped(own.unknown);
    if (own.value === undefined || "unknown" in cidrs) return undefined;
    const routers = publishedAddresses(cidrs.value ?? [], []);
    const way = addressWay({ publishes: true, reachable: true, supernets, routers, node: own.value });
    const found = internalAddresses(own.value).join(" and ") || "none";
    if (way === "published") return ok(`the Node's InternalIP is ${found}`);
    if (way === "overruled")
      return fail({
        found: `another writer set the Node's InternalIP to ${found} instead of ${routers.join(" and ")}`,
        why: "The API server reaches this node's kubelet by the underlay alone: not across NAT.",
        todo: "Run kubelet with --cloud-provider=external, and no controller of a cloud; or set kubernetes.publishNodeAddress to false.",
      });
    if ("unknown" in daemon) return skipped(`the daemon does not run, and the Node's InternalIP is ${found}`);
    return warn({
      found: `the Node's InternalIP is ${found}, not yet ${routers.join(" and ")}`,
      why: "The API server reaches this node's kubelet by the underlay alone: not across NAT.",
      todo: "Wait until the node's network works: `headcnictl status` says what is missing.",
    });
  },

  "kubernetes.nodes": onceReached(({ nodes }, { nodeName, supernets }) => {
    if ("unknown" in nodes) return skipped(nodes.unknown);
    const all = nodes.value.flatMap(({ name, podCidrs }) => podCidrs.map((cidr) => ({ name, cidr })));
    const outside = all.filter(({ cidr, name }) => name !== nodeName && !insideAny(cidr, supernets));
    if (outside.length > 0)
      return fail({
        found: `outside network.podCIDR: ${listed(outside.map(({ name, cidr }) => `${name} ${cidr}`))}`,
        why: "Pods there and here cannot reach each other.",
        todo: "Set network.podCIDR to kube-controller-manager's --cluster-cidr, on all nodes.",
      });
    const clash = all.find(({ name, cidr }) =>
      all.some((other) => other.name !== name && overlaps(parsePrefix(cidr), parsePrefix(other.cidr))),
    );
    if (clash !== undefined)
      return fail({
        found: `${clash.name}'s ${clash.cidr} overlaps another Node's`,
        why: "Two nodes would give the same addresses to their pods.",
        todo: "Delete and register one of the two nodes again.",
      });
    const count = nodes.value.length;
    return ok(`${count} ${count === 1 ? "node" : "nodes"}, all inside network.podCIDR`);
  }),
};

/** A check of what the API server says; none while it does not answer. */
function onceReached(check: (facts: KubernetesFacts, settings: DoctorSettings) => Outcome): Check {
  return ({ kubernetes }, settings) =>
    kubernetes?.unreachable === "" ? check(kubernetes, settings) : undefined;
}

function insideAny(cidr: string, supernets: readonly string[]): boolean {
  // Without a configuration nothing is known to be outside of it.
  return (
    supernets.length === 0 ||
    supernets.some((supernet) => containsPrefix(parsePrefix(supernet), parsePrefix(cidr)))
  );
}
