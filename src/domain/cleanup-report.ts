import { type Failure, toFailure } from "./failure.ts";

/** What cleanup takes off the node, in its order. */
export type CleanupStep =
  | "plugin"
  | "node"
  | "routes"
  | "owner"
  | "attachments"
  | "tailnet"
  | "guard"
  | "records";

/** One line of the report: what was done, or with a failure why a step is left. */
export interface CleanupEntry {
  readonly step: CleanupStep;
  readonly text: string;
  readonly failure?: Failure;
}

/** What a step takes away, and what helps where it cannot. */
const steps: Readonly<Record<CleanupStep, { readonly what: string; readonly advice: string }>> = {
  plugin: {
    what: "the conflist or the plugin",
    advice: "remove them by hand, or the container runtime keeps sending pods to HeadCNI",
  },
  node: {
    what: "the Node's InternalIP",
    advice:
      "make the API server reachable; or `kubectl delete node`, and restart kubelet, which creates it again",
  },
  routes: {
    what: "the announced routes",
    advice: "nothing once headcni-wire has ended: Headscale drops them when it misses the node",
  },
  owner: {
    what: "what was added to the preferences of the node's own tailscaled",
    advice: "what the reason says; the node's rules stay until then, because others' routes are accepted",
  },
  attachments: { what: "the pods' links and routes", advice: "delete the pods, or restart the node" },
  tailnet: {
    what: "headcni-wire with tailscaled and the tailnet namespace",
    advice:
      "stop what keeps it running: `systemctl disable --now headcni-wire`, or in Kubernetes its DaemonSet",
  },
  guard: {
    what: "rules, routes, tables and sysctls of the node",
    advice: "see the reason; a restart of the node removes them, too",
  },
  records: { what: "the runtime and the state directory", advice: "remove what the reason names by hand" },
};

export function failedStep(step: CleanupStep, error: unknown): CleanupEntry {
  const failure = toFailure(error);
  return { step, text: failure.message, failure };
}

export function leftOf(report: readonly CleanupEntry[]): readonly CleanupEntry[] {
  return report.filter(({ failure }) => failure !== undefined);
}

/** Where a cleanup that left nothing stands. `owners`: the node's own tailscaled carried the pods, so there is no headcni-wire. */
export function endWords(onlyWithdrew: boolean, owners: boolean): string {
  if (!onlyWithdrew) return "clean";
  return owners
    ? "paused: --cleanup does the rest"
    : "paused until headcni-wire has ended: then --cleanup does the rest";
}

/** What an operator is told of what is left: each thing, why, and what to do; empty when the node is clean. */
export function leftLines(left: readonly CleanupEntry[], directories: readonly string[]): readonly string[] {
  if (left.length === 0) return [];
  return [
    ...left.flatMap(({ step, text }) => [
      `LEFT: ${steps[step].what}: ${text}`,
      `  to do: ${steps[step].advice}`,
    ]),
    `incomplete: run this again once that is done; until then ${directories.join(" and ")} keep what it needs to know`,
  ];
}
