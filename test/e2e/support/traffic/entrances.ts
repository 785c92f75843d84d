import { applyObjects, kubectl } from "../../../lab/kubernetes/control-plane/kubectl.ts";
import { workloadObjects } from "../../../lab/kubernetes/workload/workload.ts";
import type { Lab, LabNode } from "../../../lab/lab-types.ts";

/** Workload of one pod, so that the other nodes have no endpoint of it. Its hostPort. */
export const inner = { name: "inner", hostPort: 8090 } as const;

/**
 * A Service of the workload for each externalTrafficPolicy, with the addresses that the network outside would route to nodes. Both are of
 * blocks for documentation (RFC 5737, RFC 3849), one address for each family.
 */
const services = [
  {
    policy: "Cluster",
    nodePort: 30090,
    externalIPs: ["203.0.113.1", "2001:db8:cafe::1"],
    balancer: ["203.0.113.2", "2001:db8:cafe::2"],
  },
  {
    policy: "Local",
    nodePort: 30091,
    externalIPs: ["203.0.113.3", "2001:db8:cafe::3"],
    balancer: ["203.0.113.4", "2001:db8:cafe::4"],
  },
] as const;

/** All addresses outside that lead to the workload. */
export const outerPrefixes = ["203.0.113.0/24", "2001:db8:cafe::/64"] as const;

/** A way from outside to the workload by one node. */
export interface Entrance {
  /** For the eye: `n1 NodePort Local`. */
  readonly what: string;
  /** As in a URL. */
  readonly host: string;
  /** `Local`: by nodes with an endpoint only, and the pod sees the client's address (the API of Service; hostPort is alike). */
  readonly policy: "Cluster" | "Local";
  /** Whether it is the node's own address: the others are those of the Service, which each node translates itself. */
  readonly atNode: boolean;
}

/** Applies the workload and its Services; a load balancer's status is set as its controller would. */
export async function applyInner(lab: Lab): Promise<void> {
  const objects = services.map(({ policy, nodePort, externalIPs }) => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: serviceName(policy) },
    spec: {
      type: "LoadBalancer",
      selector: { app: inner.name },
      ports: [{ port: 80, nodePort }],
      externalTrafficPolicy: policy,
      externalIPs,
      ipFamilyPolicy: "RequireDualStack",
    },
  }));
  await applyObjects(lab, [...workloadObjects({ ...inner, replicas: 1 }), ...objects]);
  for (const { policy, balancer } of services) {
    const status = { loadBalancer: { ingress: balancer.map((ip) => ({ ip })) } };
    const patch = ["--subresource=status", "--type=merge", "-p", JSON.stringify({ status })];
    await kubectl(lab, ["patch", "service", serviceName(policy), ...patch]);
  }
}

function serviceName(policy: "Cluster" | "Local"): string {
  return `inner-${policy.toLowerCase()}`;
}

/** The ways to the workload by a node with both families. */
export function entrancesBy({ name, address, address6 = "" }: LabNode): readonly Entrance[] {
  return [address, `[${address6}]`].flatMap((own, family) => [
    { what: `${name} hostPort`, host: `${own}:${inner.hostPort}`, policy: "Local", atNode: true },
    ...services.flatMap(({ policy, nodePort, externalIPs, balancer }) => [
      { what: `${name} NodePort ${policy}`, host: `${own}:${nodePort}`, policy, atNode: true },
      {
        what: `${name} externalIP ${policy}`,
        host: inUrl(externalIPs[family]),
        policy,
        atNode: false,
      },
      { what: `${name} LoadBalancer ${policy}`, host: inUrl(balancer[family]), policy, atNode: false },
    ]),
  ]);
}

function inUrl(address = ""): string {
  return address.includes(":") ? `[${address}]` : address;
}
