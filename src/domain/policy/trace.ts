import { containsAddress, parseAddress, parsePrefix, routerAddress } from "../addresses/prefix.ts";
import { type AddressOwners, addressOwners } from "./address-owners.ts";
import { portsNamed } from "./grants.ts";
import { isolationOf } from "./isolation.ts";
import {
  type AttachedPod,
  type Direction,
  type NetworkPolicy,
  nameOf,
  type PolicyNode,
  type PolicyPeer,
  type PolicyPod,
  type PolicyPort,
  type PolicyWorld,
  type Protocol,
} from "./network-policy.ts";
import { type NamespaceLabels, namespaceLabels, termOf, termTakes } from "./pod-term.ts";

/** What would become of a new flow. Ends are pods ("namespace/name") or addresses; of Services, the pod behind them. */
export interface TraceQuestion {
  readonly from: string;
  readonly to: string;
  /** "other": neither of those that have ports, as ICMP. */
  readonly protocol: Protocol | "other";
  readonly port: number;
}

export type TraceAnswer =
  | { readonly code: "TRACED"; readonly trace: Trace }
  /** Neither a pod that is known nor an address. */
  | { readonly code: "NO_SUCH_END"; readonly end: string }
  /** The pod has no address yet, or none any more. */
  | { readonly code: "NO_ADDRESS"; readonly end: string }
  | { readonly code: "NO_COMMON_FAMILY" };

export interface Trace {
  readonly allowed: boolean;
  readonly source: TracedEnd;
  readonly destination: TracedEnd;
  readonly egress: TracedHalf;
  readonly ingress: TracedHalf;
}

export interface TracedEnd {
  readonly address: string;
  /** Name of the pod that has the address. */
  readonly pod?: string;
  /** Its node. */
  readonly node?: string;
  /** The node's address that was asked for: pods of other nodes see the router address in its place. */
  readonly nodeAddress?: string;
}

/** What one end's node does with the packet. */
export interface TracedHalf {
  readonly allowed: boolean;
  readonly because:
    | "noPod"
    /** A pod is never isolated from itself. */
    | "itself"
    /** Nor from its own node: what the node sends and receives is not forwarded. */
    | "ownNode"
    | "notIsolated"
    | "allowed"
    | "notAllowed"
    /** The API server did not tell of the pod yet, and its namespace has policies. */
    | "unknownPod";
  /** Whether this node enforces it: otherwise that is what the pod's own node should do. */
  readonly here: boolean;
  /** Policies that isolate the pod in this direction. */
  readonly policies: readonly TracedPolicy[];
}

export interface TracedPolicy {
  readonly policy: string;
  readonly allows: boolean;
  /** In the policy's order; a rule allows what both match. */
  readonly rules: readonly { readonly peers: boolean; readonly ports: boolean }[];
}

/** Judges policy by policy, by the same words as the table but without it. */
export function traceFlow(world: PolicyWorld, question: TraceQuestion): TraceAnswer {
  const owners = addressOwners(world);
  const sources = addressesOf(question.from, world, owners);
  if ("code" in sources) return sources;
  const destinations = addressesOf(question.to, world, owners);
  if ("code" in destinations) return destinations;
  const family = ([4, 6] as const).find((one) => ofFamily(sources, one) && ofFamily(destinations, one));
  if (family === undefined) return { code: "NO_COMMON_FAMILY" };
  const destination = endOf(ofFamily(destinations, family) ?? "", owners);
  const source = asSeen(endOf(ofFamily(sources, family) ?? "", owners), destination, world, owners);
  const context = { world, owners, namespaces: namespaceLabels(world.namespaces), question };
  const egress = traceHalf("egress", source, destination, context);
  const ingress = traceHalf("ingress", destination, source, context);
  const trace = { allowed: egress.allowed && ingress.allowed, source, destination, egress, ingress };
  return { code: "TRACED", trace };
}

/** Tells of flows between addresses whether this node lets them through, by what it enforces itself. */
export function judgesHere(known: Omit<TraceContext, "question">): (question: TraceQuestion) => boolean {
  const selecting = new Map<string, PolicyWorld["policies"]>();
  // Of a thousand policies few select a pod, and a flow is judged by those alone.
  const worldOf = (address: string): PolicyWorld => {
    const attached = known.world.attached.find(({ addresses }) => addresses.includes(address));
    const namespace = attached && (attachedPod(known.world, attached)?.namespace ?? attached.namespace);
    const policies =
      selecting.get(address) ??
      known.world.policies.filter((policy) => namespace === "" || policy.namespace === namespace);
    selecting.set(address, policies);
    return { ...known.world, policies };
  };
  return (question) => {
    const [source, destination] = [question.from, question.to].map((address) => endOf(address, known.owners));
    if (source === undefined || destination === undefined) return true;
    const half = (direction: Direction, subject: TracedEnd, other: TracedEnd) =>
      traceHalf(direction, subject, other, { ...known, world: worldOf(subject.address), question });
    return [half("egress", source, destination), half("ingress", destination, source)].every(
      ({ allowed, here }) => allowed || !here,
    );
  };
}

interface TraceContext {
  readonly world: PolicyWorld;
  readonly owners: AddressOwners;
  readonly namespaces: NamespaceLabels;
  readonly question: TraceQuestion;
}

function addressesOf(
  end: string,
  { pods }: PolicyWorld,
  owners: AddressOwners,
): readonly string[] | Extract<TraceAnswer, { readonly end: string }> {
  if (isAddress(end)) return [end];
  const pod = pods.find((one) => nameOf(one) === end);
  if (pod === undefined) return { code: "NO_SUCH_END", end };
  const addresses = pod.hostNetwork
    ? pod.addresses
    : [...owners].flatMap(([address, owner]) => (owner === pod ? [address] : []));
  return addresses.length === 0 ? { code: "NO_ADDRESS", end } : addresses;
}

function isAddress(text: string): boolean {
  try {
    parseAddress(text);
    return true;
  } catch {
    return false;
  }
}

function ofFamily(addresses: readonly string[], family: 4 | 6): string | undefined {
  return addresses.find((address) => address.includes(":") === (family === 6));
}

function endOf(address: string, owners: AddressOwners): TracedEnd {
  const pod = owners.get(address);
  return pod === undefined ? { address } : { address, pod: nameOf(pod), node: pod.node };
}

/** What a node itself sends to a pod of another one takes the node's router address on its way into the tailnet. */
function asSeen(
  source: TracedEnd,
  destination: TracedEnd,
  { nodes }: PolicyWorld,
  owners: AddressOwners,
): TracedEnd {
  const receiver = owners.get(destination.address);
  const node = nodes.find(({ addresses }) => addresses.includes(source.address));
  if (receiver === undefined || node === undefined || receiver.node === node.name) return source;
  const router = ofFamily(routersOf(node), source.address.includes(":") ? 6 : 4);
  return router === undefined ? source : { address: router, nodeAddress: source.address };
}

function routersOf({ podCidrs }: PolicyNode): readonly string[] {
  return podCidrs.map((prefix) => routerAddress(parsePrefix(prefix)));
}

/** `subject`: the end that policies of this direction are about. */
function traceHalf(
  direction: Direction,
  subject: TracedEnd,
  other: TracedEnd,
  context: TraceContext,
): TracedHalf {
  const { world, owners } = context;
  const attached = world.attached.find(({ addresses }) => addresses.includes(subject.address));
  const pod = attached === undefined ? owners.get(subject.address) : attachedPod(world, attached);
  const half = (because: TracedHalf["because"], policies: readonly TracedPolicy[] = []): TracedHalf => ({
    allowed: because !== "notAllowed" && because !== "unknownPod",
    ...{ because, here: attached !== undefined, policies },
  });
  if (attached === undefined && pod === undefined) return half("noPod");
  if (subject.address === other.address) return half("itself");
  const node = world.nodes.find(({ name }) => name === pod?.node);
  if (node !== undefined && [...node.addresses, ...routersOf(node)].includes(other.address))
    return half("ownNode");
  const isolation = isolationOf(attached ?? { namespace: "" }, pod, direction, world.policies);
  if (isolation.kind === "unknownPod") return half("unknownPod");
  if (isolation.kind === "none") return half("notIsolated");
  // A name of a port is the receiver's, which policies of ingress are about.
  const receiver = direction === "ingress" ? isolation.pod : owners.get(other.address);
  const policies = isolation.policies.map((policy) =>
    tracePolicy(policy, direction, { other, receiver }, context),
  );
  return half(policies.some(({ allows }) => allows) ? "allowed" : "notAllowed", policies);
}

function attachedPod({ pods }: PolicyWorld, { podUid }: AttachedPod): PolicyPod | undefined {
  return pods.find(({ runtimeUid }) => runtimeUid === podUid);
}

interface Judged {
  readonly other: TracedEnd;
  readonly receiver: PolicyPod | undefined;
}

function tracePolicy(
  policy: NetworkPolicy,
  direction: Direction,
  { other, receiver }: Judged,
  { owners, namespaces, question }: TraceContext,
): TracedPolicy {
  const takes = (peer: PolicyPeer) => {
    if (peer.kind === "block") return isInBlock(peer, other.address);
    const pod = owners.get(other.address);
    return pod !== undefined && termTakes(termOf(peer, policy.namespace), pod, namespaces);
  };
  const rules = (policy[direction] ?? []).map(({ peers, ports }) => ({
    peers: peers === "any" || peers.some(takes),
    ports: ports === "any" || ports.some((port) => isPort(port, question, receiver)),
  }));
  return { policy: nameOf(policy), allows: rules.some(({ peers, ports }) => peers && ports), rules };
}

function isInBlock(
  { prefix, except }: Extract<PolicyPeer, { readonly kind: "block" }>,
  address: string,
): boolean {
  const holds = (text: string) => containsAddress(parsePrefix(text), address);
  return holds(prefix) && !except.some(holds);
}

function isPort(
  port: PolicyPort,
  { protocol, port: asked }: TraceQuestion,
  receiver: PolicyPod | undefined,
): boolean {
  if (port.protocol !== protocol) return false;
  const ranges = "first" in port ? [port] : receiver === undefined ? [] : portsNamed(port, receiver);
  return ranges.some(({ first, last }) => asked >= first && asked <= last);
}
