import type { NodeAnswer, NodeTrace, NodeTraceEnd, NodeTraceHalf } from "./node-trace.ts";

/** What a node answered, or why it did not. */
export type AskedNode =
  | {
      readonly node: string;
      /** What is not as it should be there, in sentences; the answer holds all the same. */
      readonly notes: readonly string[];
      readonly answer: NodeAnswer;
      readonly failure?: undefined;
    }
  | { readonly node: string; readonly failure: string; readonly answer?: undefined };

/** What both ends' nodes do with a flow, together. */
export interface TraceVerdict {
  /** "unknown": no node that was asked refuses it, and not every node that judges it was heard. */
  readonly verdict: "allowed" | "denied" | "unknown";
  /** Null where no node traced it. */
  readonly flow: Pick<NodeTrace, "protocol" | "port" | "source" | "destination"> | null;
  readonly egress: JudgedHalf | null;
  readonly ingress: JudgedHalf | null;
  /** Why it is unknown. */
  readonly problems: readonly TraceProblem[];
}

export interface JudgedHalf extends Omit<NodeTraceHalf, "here"> {
  /** That judges it; null where nobody does. */
  readonly node: string | null;
  /** Whether that node said so; otherwise it is what another one thinks of it. */
  readonly told: boolean;
}

export type TraceProblem =
  | ({ readonly node: string } & Exclude<NodeAnswer, NodeTrace>)
  | { readonly code: "NODE_FAILED"; readonly node: string; readonly failure: string }
  | { readonly code: "NODE_NOT_ASKED"; readonly node: string }
  /** The pod's node has no attachment of it: nothing reaches it there. */
  | { readonly code: "NOT_ATTACHED"; readonly node: string; readonly pod: string };

/** The nodes that judge a flow, by one node's answer. */
export function judgingNodes(answer: NodeAnswer): readonly string[] {
  if (answer.code !== "TRACED") return [];
  return [...new Set([answer.source.node, answer.destination.node])].filter((node) => node !== null);
}

/** A node's word counts for its own pod; what others think of it does not. */
export function judgeTrace(nodes: readonly AskedNode[]): TraceVerdict {
  const traces = nodes.flatMap(({ node, answer }) => (answer?.code === "TRACED" ? [{ node, answer }] : []));
  const first = traces[0]?.answer;
  if (first === undefined)
    return { verdict: "unknown", flow: null, egress: null, ingress: null, problems: nodes.map(failureOf) };
  const judge = (direction: "egress" | "ingress", { node, pod, address }: NodeTraceEnd) => {
    const told = traces.find((trace) => trace.node === node)?.answer[direction];
    const { here, ...half } = told ?? first[direction];
    const isTold = node === null || told?.here === true;
    const problems = isTold ? [] : [problemAt(node, nodes, pod ?? address)];
    return { half: { ...half, node, told: isTold }, problems };
  };
  const egress = judge("egress", first.source);
  const ingress = judge("ingress", first.destination);
  const halves = [egress.half, ingress.half];
  const refused = halves.some(({ told, allowed }) => told && !allowed);
  const { protocol, port, source, destination } = first;
  return {
    verdict: refused ? "denied" : halves.every(({ told }) => told) ? "allowed" : "unknown",
    flow: { protocol, port, source, destination },
    egress: egress.half,
    ingress: ingress.half,
    problems: [...egress.problems, ...ingress.problems],
  };
}

function problemAt(node: string, nodes: readonly AskedNode[], pod: string): TraceProblem {
  const asked = nodes.find((one) => one.node === node);
  if (asked === undefined) return { code: "NODE_NOT_ASKED", node };
  return asked.answer?.code === "TRACED" ? { code: "NOT_ATTACHED", node, pod } : failureOf(asked);
}

function failureOf({ node, answer, failure }: AskedNode): TraceProblem {
  if (answer === undefined) return { code: "NODE_FAILED", node, failure };
  // The caller has those that traced it.
  if (answer.code === "TRACED") return { code: "NODE_NOT_ASKED", node };
  return { node, ...answer };
}
