import { addressOwners } from "./address-owners.ts";
import { nameOf, type PolicyPod, type PolicyWorld, type Protocol } from "./network-policy.ts";
import { type PolicyBook, policiesIn } from "./policy-book.ts";
import { type PolicyLedger, worldOf } from "./policy-ledger.ts";
import { type PolicyProblem, withoutGrants } from "./policy-limits.ts";
import { problemText, refusalFailure } from "./policy-problems.ts";
import { type TracedEnd, type TracedHalf, type TracedPolicy, traceFlow } from "./trace.ts";
import { type AskedFlow, nearestPod, numbersOf } from "./trace-question.ts";

/** What one node says of a flow, by what it has in force. */
export type NodeAnswer =
  | NodeTrace
  /** `kubernetes.networkPolicy` is off there. */
  | { readonly code: "NOT_ENFORCED" }
  /** The daemon does not know what is in force: it has just begun, or nobody tells it. */
  | { readonly code: "NOT_KNOWN" }
  | { readonly code: "NO_SUCH_POD"; readonly end: string; readonly nearest: string | null }
  /** The pod has no address yet, or none any more. */
  | { readonly code: "NO_ADDRESS"; readonly end: string }
  | { readonly code: "NO_COMMON_FAMILY" }
  /** Neither end is a pod of the cluster. */
  | { readonly code: "NO_POD" }
  /** The receiver gives no port this name; `known`: what it names, as "web (8080/TCP)". */
  | { readonly code: "NO_SUCH_PORT"; readonly port: string; readonly known: readonly string[] }
  /** It gives several this name; `known` as above. */
  | { readonly code: "SEVERAL_PORTS"; readonly port: string; readonly known: readonly string[] };

export interface NodeTrace {
  readonly code: "TRACED";
  readonly protocol: Protocol;
  readonly port: number;
  readonly source: NodeTraceEnd;
  readonly destination: NodeTraceEnd;
  readonly egress: NodeTraceHalf;
  readonly ingress: NodeTraceHalf;
}

export interface NodeTraceEnd {
  readonly address: string;
  /** See TracedEnd. */
  readonly nodeAddress: string | null;
  /** "namespace/name"; null: no pod of the cluster has the address. */
  readonly pod: string | null;
  /** That judges the pod; null where nobody does: it is no pod, or in its node's network. */
  readonly node: string | null;
  readonly hostNetwork: boolean;
}

export interface NodeTraceHalf extends Omit<TracedHalf, "policies"> {
  readonly policies: readonly NodeTracePolicy[];
}

export interface NodeTracePolicy extends TracedPolicy {
  /** Why it is not enforced as it is written; null where it is. */
  readonly problem: string | null;
}

/** What a node enforces. */
export interface NodeInForce {
  readonly node: string;
  readonly ledger: PolicyLedger;
  /** What it refuses of that. */
  readonly problems: readonly PolicyProblem[];
}

/** Judges a flow by what is in force on one node: what it refuses allows nothing, what cannot be read stands as before. */
export function traceOnNode({ node, ledger, problems }: NodeInForce, asked: AskedFlow): NodeAnswer {
  const refused = new Set(problems.flatMap(({ policies }) => policies));
  const world = { ...worldOf(ledger), policies: withoutGrants(policiesIn(ledger.policies), refused) };
  const { from, to } = asked;
  const find = finder(world);
  for (const end of [from, to])
    if (end.includes("/") && find(end) === undefined)
      return { code: "NO_SUCH_POD", end, nearest: nearestPod(end, world.pods) ?? null };
  const isOurs = (end: string) => world.attached.some(({ addresses }) => addresses.includes(end));
  if (![from, to].some((end) => find(end) !== undefined || isOurs(end))) return { code: "NO_POD" };
  const [number, ...others] = numbersOf(asked.port, find(to));
  if (number === undefined || others.length > 0) return portProblem(asked, find(to), others.length > 0);
  const answer = traceFlow(world, { from, to, ...number });
  if (answer.code === "NO_SUCH_END") return { code: "NO_SUCH_POD", end: answer.end, nearest: null };
  if (answer.code !== "TRACED") return answer;
  const { source, destination, egress, ingress } = answer.trace;
  const end = (traced: TracedEnd, text: string): NodeTraceEnd => ({
    address: traced.address,
    nodeAddress: traced.nodeAddress ?? null,
    pod: traced.pod ?? (text.includes("/") ? text : null),
    node: traced.node ?? (isOurs(traced.address) ? node : null),
    hostNetwork: find(text)?.hostNetwork ?? false,
  });
  const half = ({ policies, ...rest }: TracedHalf): NodeTraceHalf => ({
    ...rest,
    policies: policies.map((policy) => ({
      ...policy,
      problem: problemOf(policy.policy, ledger.policies, problems),
    })),
  });
  const ends = { source: end(source, from), destination: end(destination, to) };
  return { code: "TRACED", ...number, ...ends, egress: half(egress), ingress: half(ingress) };
}

/** Pods by their names and by their addresses, those in a node's network by their names alone. */
function finder(world: PolicyWorld): (end: string) => PolicyPod | undefined {
  const owners = addressOwners(world);
  return (end) => (end.includes("/") ? world.pods.find((pod) => nameOf(pod) === end) : owners.get(end));
}

function portProblem({ port }: AskedFlow, receiver: PolicyPod | undefined, several: boolean): NodeAnswer {
  const name = "name" in port ? port.name : String(port.number);
  const ports = (receiver?.ports ?? []).filter((one) => !several || one.name === name);
  const known = ports.flatMap((one) =>
    one.name === "" ? [] : [`${one.name} (${one.port}/${one.protocol})`],
  );
  return { code: several ? "SEVERAL_PORTS" : "NO_SUCH_PORT", port: name, known: [...new Set(known)] };
}

function problemOf(policy: string, book: PolicyBook, problems: readonly PolicyProblem[]): string | null {
  const refusal = problems.find(({ policies }) => policies.includes(policy));
  if (refusal !== undefined) return refusalFailure({ ...refusal, policies: [policy] }).message;
  const unread = book[policy]?.problem;
  return unread === undefined ? null : problemText(unread);
}
