import { containsPrefix, hostPrefix, parsePrefix } from "../addresses/prefix.ts";
import { tailnetRange } from "../kernel/kernel-constants.ts";
import { type Member, readAddresses } from "./aliases.ts";

/** What the configuration says. */
export interface PolicySettings {
  /** `network.podCIDR`, canonical. */
  readonly supernets: readonly string[];
  readonly mode: "daemon" | "host";
  /** Whether the policy itself approves routes: `headscale.approval` is `policy`. */
  readonly approves: boolean;
  /** `tailscale.tags`. */
  readonly tags: readonly string[];
}

/** A Node of the cluster. */
export interface PolicyNode {
  readonly name: string;
  /** InternalIP addresses. */
  readonly addresses: readonly string[];
  /** Of its kubelet. */
  readonly kubeletPort: number;
}

/** Where the API server is reached. */
export interface ApiServerPlace {
  readonly address: string;
  readonly port: number;
  /** As whom Headscale knows the machine that has the address; empty where nobody asked it. */
  readonly names: Member["names"];
}

export interface ClusterFacts {
  readonly nodes: readonly PolicyNode[];
  /** Undefined where nobody may know. */
  readonly apiServer: readonly ApiServerPlace[] | undefined;
}

/** What a cluster needs of a policy. */
export interface PolicyNeeds {
  /** Pods reach pods, on all ports. */
  readonly supernets: readonly string[];
  /** As whom Headscale knows the nodes; at least one. */
  readonly members: readonly Member[];
  /** Tags that are the cluster's own: whoever has one is a node. */
  readonly tags: readonly string[];
  /** What nodes reach of nodes at their tailnet addresses, over TCP; in order. */
  readonly nodePorts: readonly number[];
  /** API servers at tailnet addresses of machines that are no Nodes: nodes reach them, and they the kubelets. */
  readonly elsewhere: readonly ApiServerPlace[];
  /** Of the nodes at tailnet addresses; among `nodePorts`, in order. */
  readonly kubeletPorts: readonly number[];
  /** Whether the policy approves pods' routes. */
  readonly approves: boolean;
  /** Whether nodes are their owners' machines, which do other things in the tailnet as well. */
  readonly owned: boolean;
}

/** kubelet's and kube-apiserver's defaults. */
export const kubeletPort = 10_250;
const apiServerPort = 6443;

/**
 * What this cluster needs. Pods' traffic has pods' addresses on the tailnet, and so have nodes' own packets to pods; in mode daemon that is
 * all, also with `publishNodeAddress`, whose addresses are in the pod CIDR. Nodes whose InternalIP is a tailnet address (mode host) reach
 * each other's kubelets and the API server by those. `facts` undefined: the Nodes are not known, and mode host is taken at its word.
 */
export function policyNeeds(
  settings: PolicySettings,
  members: readonly Member[],
  facts: ClusterFacts | undefined,
): PolicyNeeds {
  const { supernets, tags, approves, mode } = settings;
  const nodes = facts?.nodes.filter(({ addresses }) => addresses.some(isTailnetAddress)) ?? [];
  const onTailnet = facts === undefined ? mode === "host" : nodes.length > 0;
  return {
    supernets,
    members,
    tags,
    ...(onTailnet ? wayBetweenNodes(nodes, facts) : { nodePorts: [], elsewhere: [], kubeletPorts: [] }),
    approves,
    owned: mode === "host" || onTailnet,
  };
}

function wayBetweenNodes(
  nodes: readonly PolicyNode[],
  facts: ClusterFacts | undefined,
): Pick<PolicyNeeds, "nodePorts" | "elsewhere" | "kubeletPorts"> {
  const own = new Set(nodes.flatMap(({ addresses }) => addresses));
  const places = facts?.apiServer?.filter(({ address }) => isTailnetAddress(address));
  const kubelets = nodes.length > 0 ? nodes.map((node) => node.kubeletPort) : [kubeletPort];
  const servers =
    places?.filter(({ address }) => own.has(address)).map(({ port }) => port) ?? ([apiServerPort] as const);
  return {
    nodePorts: inOrder([...servers, ...kubelets]),
    elsewhere: places?.filter(({ address }) => !own.has(address)) ?? [],
    kubeletPorts: inOrder(kubelets),
  };
}

function inOrder(ports: readonly number[]): readonly number[] {
  return [...new Set(ports)].toSorted((one, other) => one - other);
}

function isTailnetAddress(text: string): boolean {
  const address = readAddresses(text);
  return (
    address !== undefined &&
    Object.values(tailnetRange).some((range) => containsPrefix(parsePrefix(range), address))
  );
}

/** By which name the policy speaks of each node: a tag of the cluster's own where its machine has one. */
export function memberNames({ members, tags }: Pick<PolicyNeeds, "members" | "tags">): readonly string[] {
  const names = members.flatMap(({ names }) => names.find((name) => tags.includes(name)) ?? names[0] ?? []);
  return [...new Set(names)].toSorted();
}

/** All tags of nodes, also those of their owners': Headscale gives a machine no tag that the policy does not know. */
export function memberTags({ members }: Pick<PolicyNeeds, "members">): readonly string[] {
  const tags = members.flatMap(({ names }) => names.filter((name) => name.startsWith("tag:")));
  return [...new Set(tags)].toSorted();
}

/** An address as an alias. */
export function addressAlias({ address }: Pick<ApiServerPlace, "address">): string {
  return hostPrefix(address);
}
