import { durationText } from "../machines/chart/duration-text.ts";
import type { ChartState, MachineChart } from "../machines/chart/machine-chart.ts";
import { edgeText } from "./layout/edge-text.ts";

/** What each machine is there for, in one sentence. */
const purposes: Readonly<Record<string, string>> = {
  headcni: "The root: starts everything in its order, opens the node for pods, and ends it in order.",
  health:
    "What makes the node degraded: the last word of each owner. One level of it all for `/ready`, STATUS and the Node's condition.",
  config:
    "Follows the configuration file; what may change live is applied, the rest is refused with its reason.",
  readiness:
    "Decides when the container runtime may find the plugin: once pods can be served and the route was proven.",
  guard:
    "Keeps rules, routes, nftables tables and sysctls as they must be, in the node and in the tailnet namespace.",
  pods: "The registry of attachments: gives addresses, runs one `pod` machine per attachment, hands it the calls of its key.",
  pod: "One attachment of one pod and the calls about it, from its ADD to the moment its link is gone.",
  links: "Deletes the links that pods left, many at once.",
  cni: "The socket that the plugin talks to; one `request` machine per call.",
  request: "One CNI call with its deadline.",
  tailscaled: "The process: which tailscaled headcni-wire runs, and one `tailnet` machine for each.",
  owner:
    "The same for the node's own tailscaled: what its owner does with it, what of it is ours, and a `tailnet` machine while it can carry pods.",
  ownerFeed: "Follows what its owner makes of that tailscaled: looks at it after each hint of its bus.",
  tailnet: "The session with one tailscaled: logs it in, brings it into the tailnet, notices what is lost.",
  tailnetFeed: "Follows one tailscaled: its bus of hints, and its status after each.",
  tailnetLogin:
    "Logs tailscaled in with a pre-auth key, as long as it needs that, or waits for its owner to do so.",
  rejoin: "Looks for a lost Headscale at the same instants as all nodes, and comes back to it with them.",
  headscale:
    "The connection to Headscale's API: approves routes and makes keys on request, and probes only after a loss.",
  routes: "The registry of routes: own prefixes and those of peers.",
  ownRoute: "One prefix of this node: announced, approved, served, proven.",
  peerRoute: "One prefix of a peer, while it is not simply installed.",
  ownNode: "What Kubernetes says of this Node: its pod CIDRs, and whether they still are ours.",
  clusterNodes: "The Nodes of the cluster: who may serve which prefix, and who left for good.",
  nodeList: "Keeps the list of Nodes in the state directory, by which headcni-wire lets peers in.",
  serviceProxy: "What translates Services' addresses on this node: what HeadCNI does not support is named.",
  metricsPage: "Serves metrics to pods and other nodes by the pod network, where that is wanted.",
  serviceCidrs:
    "The ServiceCIDR objects of the cluster, kept in the state directory: what the guard keeps from leaving unencrypted.",
  policy:
    "NetworkPolicies of the cluster: what this node's pods may send and be sent, in force before their first packet.",
  policyMemory: "Its child that keeps what policies follow from in the state directory.",
  policyFlows: "Its child that ends the flows which policies forbid now.",
  nodeCondition: "Keeps the Node's NetworkUnavailable condition true.",
  nodeIdentity: "Keeps the Node's word of which tailnet node this is, and of where its metrics are.",
  nodeAddress: "Keeps this node's tailnet address as its Node's InternalIP, where that is wanted.",
  podWatch: "Joins the node's Kubernetes pods to attachments and finds orphans.",
  podReports: "Posts what goes wrong with pods as Events.",
  wire: "The program that keeps tailscaled running apart from the daemon, so that pods keep talking while the daemon restarts.",
  wireResolver: "Its child, where the node's nameservers answer on loopback only.",
  allowlistKeeper: "Its child with Kubernetes: runs `allowlist`, and again after a fault.",
  allowlist: "The child of that: what the tailnet namespace believes of the tailnet.",
  cleanup: "`headcni --cleanup`: takes HeadCNI off a node, step by step, and says what is left.",
  watch: "List and watch of one kind of Kubernetes objects.",
};

/** All states of all machines by name: what they mean, how long they may last, what leads out of them, which alert watches them. */
export function statesPage(
  charts: readonly MachineChart[],
  alertsOf: (machine: string, path: string) => readonly string[],
): string {
  return [
    "# All states of all machines",
    "",
    "Generated from the machines (`npm run diagrams`). A live machine's state is shown by `headcnictl machines`, `/debug/machines`, the",
    "metric `headcni_machines{machine,state}` and the log line `transition`; look it up here by its name. Where a machine is in",
    "several regions at once, its state reads `working.(a.b+c.d)`: look up `working.a.b` and `working.c.d`.",
    "",
    "The limit is how long a state may last; past it the machine counts as stuck (`headcni_machine_stuck`) or leaves by itself.",
    "A dash means that the state may last for ever. The last column links to what to do.",
    "",
    charts.map(({ machine }) => `[${machine}](#${machine.toLowerCase()})`).join(" · "),
    ...charts.flatMap((chart) => machineSection(chart, alertsOf)),
    "",
  ].join("\n");
}

function machineSection(
  chart: MachineChart,
  alertsOf: (machine: string, path: string) => readonly string[],
): readonly string[] {
  const { machine } = chart;
  return [
    "",
    `## ${machine}`,
    "",
    `${purposes[machine] ?? "One of the daemon's machines."} ([picture](../visualizations/generated/${machine}.svg))`,
    "",
    "| state | limit | what it means past its limit, or why it may last | what leads out of it | alert |",
    "|---|---|---|---|---|",
    ...chart.states
      .filter(({ path }) => path !== "")
      .map((state) => stateRow(chart, state, alertsOf(machine, state.path))),
  ];
}

function stateRow(chart: MachineChart, state: ChartState, alerts: readonly string[]): string {
  const { path, limitMs } = state;
  const cells = [
    `<a id="${chart.machine}.${path}"></a>\`${path}\``,
    typeof limitMs === "number" ? durationText(limitMs) : limitMs === null ? "–" : "",
    meaning(state),
    exits(chart, path),
    alerts.map((alert) => `[${alert}](runbooks/${alert}.md)`).join(", "),
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function meaning({ kind, about, invokes, initial }: ChartState): string {
  const runs = invokes.length === 0 ? "" : ` (runs ${invokes.join(", ")})`;
  if (about !== undefined) return `${about}${runs}`;
  switch (kind) {
    case "final":
      return "the machine's end";
    case "parallel":
      return `its regions run in parallel${runs}`;
    case "compound":
      return `begins with \`${initial ?? ""}\`${runs}`;
    case "history":
    case "atomic":
      return `left at once${runs}`;
    default: {
      const unhandled: never = kind;
      return unhandled;
    }
  }
}

function exits({ edges }: MachineChart, path: string): string {
  const texts = edges
    .filter(({ from, moves, to }) => moves && from === path && to !== path)
    .map((edge) => `${edgeText(edge) || "at once"} → \`${edge.to}\``);
  return [...new Set(texts)].join("<br>");
}
