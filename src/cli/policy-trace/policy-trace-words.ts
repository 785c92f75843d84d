import type { NodeTraceEnd } from "../../domain/policy/node-trace.ts";
import type { JudgedHalf, TraceProblem } from "../../domain/policy/trace-verdict.ts";

/** Why one end's node does what it does, in a sentence without its full stop. */
export function becauseText(
  direction: "egress" | "ingress",
  { pod, address, hostNetwork }: NodeTraceEnd,
  { because }: Pick<JudgedHalf, "because">,
): string {
  const name = pod ?? address;
  switch (because) {
    case "noPod":
      return hostNetwork
        ? `${name} is in its node's network, where no policy judges it`
        : `${name} is no pod's address (is it a Service's? then ask for a pod behind it)`;
    case "itself":
      return "a pod is never isolated from itself";
    case "ownNode":
      return "what a pod's own node sends and receives is never judged";
    case "notIsolated":
      return `no policy isolates ${name} for ${direction}`;
    case "allowed":
      return `a policy that isolates ${name} allows it`;
    case "notAllowed":
      return `policies isolate ${name}, and none allows it`;
    case "unknownPod":
      return `the API server has not told of the pod at ${address} yet, and its namespace has policies`;
    default: {
      const unhandled: never = because;
      return unhandled;
    }
  }
}

/** Why it cannot be told, and what would be right. */
export function problemText(problem: TraceProblem): string {
  const { node } = problem;
  switch (problem.code) {
    case "NODE_FAILED":
      return `${node} does not answer: ${problem.failure}`;
    case "NODE_NOT_ASKED":
      return `${node} was not asked: give --kubeconfig, or run the same with --here on ${node}`;
    case "NOT_ATTACHED":
      return `${node} has no attachment of ${problem.pod}: headcnictl trace ${problem.pod} on ${node} says what became of it`;
    case "NOT_ENFORCED":
      return `${node} enforces no NetworkPolicies: kubernetes.networkPolicy is off there (networkPolicy.enabled of the chart)`;
    case "NOT_KNOWN":
      return `${node} does not know yet what is in force: headcnictl machines --machine policy on ${node} says what it waits for`;
    case "NO_SUCH_POD":
      return `${node} knows no pod ${problem.end}${problem.nearest === null ? "" : `; did you mean ${problem.nearest}?`}`;
    case "NO_ADDRESS":
      return `${problem.end} has no address: it is not attached yet, or has ended`;
    case "NO_COMMON_FAMILY":
      return "the ends have no IP family in common";
    case "NO_POD":
      return "neither end is a pod: NetworkPolicies say nothing of this flow. Name a pod as namespace/pod";
    case "NO_SUCH_PORT":
      return `the receiver names no port ${problem.port}: ${problem.known.length === 0 ? "give a number" : `it has ${problem.known.join(", ")}`}`;
    case "SEVERAL_PORTS":
      return `the receiver names several ports ${problem.port} (${problem.known.join(", ")}): give a number`;
    default: {
      const unhandled: never = problem;
      return unhandled;
    }
  }
}
