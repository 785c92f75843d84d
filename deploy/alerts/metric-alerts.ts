import { machineChart } from "../../machines/chart/machine-chart.ts";
import { peerRouteMachine } from "../../machines/route/peer-route-machine.ts";
import type { MetricAlert } from "./alert-types.ts";

const at = "{{ $labels.instance }}";

/** Calls of the plugin per second, by command. */
function callRate(selector: string): string {
  return `sum without (outcome) (rate(headcni_cni_request_duration_seconds_count${selector}[300s]))`;
}

/** Peers' routes that wait for nothing are rows of the routes machine, no machines of their own: their limits are the same. */
function peerRouteLimitSeconds(path: string): number {
  const limitMs = machineChart(peerRouteMachine).states.find((state) => state.path === path)?.limitMs;
  if (typeof limitMs !== "number") throw new Error(`peerRoute has no state ${path} with a limit`);
  return limitMs / 1000;
}

/** Instances on which such a machine lives. */
function machines(machine: string): string {
  return `sum without (machine, state) (headcni_machines{machine="${machine}"}) > 0`;
}

/** Alerts on what is no state: numbers of the daemon, and the daemon itself. */
export const metricAlerts: readonly MetricAlert[] = [
  {
    alert: "HeadcniDown",
    severity: "critical",
    expr: 'up{job="headcni"} == 0',
    forSeconds: 120,
    summary: `the daemon of ${at} does not answer`,
    description:
      "Prometheus cannot read the daemon's metrics. Running pods keep their network. New pods wait; deleted ones are cleaned up later.",
  },
  {
    alert: "HeadcniRestarting",
    severity: "warning",
    expr: `changes(headcni_process_start_time_seconds[900s]) > 2`,
    forSeconds: 0,
    summary: `the daemon of ${at} restarted {{ $value | humanize }} times within 15 minutes`,
    description: "The daemon exits with code 1 when it cannot continue. Its last log lines say why.",
  },
  {
    alert: "HeadcniMachineFailed",
    severity: "critical",
    expr: 'headcni_machines{state="error"} > 0',
    forSeconds: 30,
    summary: `the machine {{ $labels.machine }} of ${at} failed`,
    description: "An action of this machine threw an error: a bug in HeadCNI. /healthz names the error.",
  },
  {
    alert: "HeadcniPartCrashing",
    severity: "critical",
    expr: `increase(headcni_machine_transitions_total{to="crashed"}[600s]) > 3`,
    forSeconds: 0,
    summary: `a part of the machine {{ $labels.machine }} of ${at} fails again and again`,
    description: "The machine restarts the part each time. The daemon's log names the error.",
  },
  {
    alert: "HeadcniConfigRefused",
    severity: "warning",
    expr: 'headcni_machines{machine="config",state="following.refused"} > 0',
    forSeconds: 120,
    summary: `the daemon of ${at} refuses its changed configuration file`,
    description:
      "The daemon keeps its old values. Its log and `headcnictl config` say what is wrong, and where.",
  },
  {
    alert: "HeadcniPoolNearlyFull",
    severity: "warning",
    expr: "headcni_ip_pool_used / headcni_ip_pool_size > 0.9",
    forSeconds: 300,
    summary: `{{ $value | humanizePercentage }} of the pod addresses of ${at} in {{ $labels.prefix }} are in use`,
    description:
      "Addresses of deleted pods count as free. They are not reused for a while unless no other is left.",
  },
  {
    alert: "HeadcniPoolFull",
    severity: "critical",
    expr: "headcni_ip_pool_used >= headcni_ip_pool_size and headcni_ip_pool_size > 0",
    forSeconds: 60,
    summary: `${at} has no pod address left in {{ $labels.prefix }}`,
    description: "New pods on this node fail with CNI error code 11 until a pod ends.",
  },
  {
    alert: "HeadcniGuardRepairsRepeat",
    severity: "warning",
    expr: `increase(headcni_guard_repairs_total[600s]) > 5`,
    forSeconds: 0,
    summary: `the guard of ${at} repairs {{ $labels.invariant }} again and again`,
    description:
      "Another program or a person keeps changing a rule, route or sysctl of HeadCNI. The guard restores it each time.",
  },
  {
    alert: "HeadcniPeerWithoutPath",
    severity: "warning",
    expr: 'headcni_peer_path{path="none"} == 1',
    forSeconds: 300,
    summary: `${at} has no path to {{ $labels.peer }}`,
    description: "The peer is offline for this node: its pods cannot be reached from here.",
  },
  {
    alert: "HeadcniPeerRouteLost",
    severity: "warning",
    expr: 'headcni_route_state{kind="peer",state=~"expected|lost|unconfirmed"} == 1',
    forSeconds: peerRouteLimitSeconds("lost.withdrawn"),
    summary: `${at} does not reach the pods of {{ $labels.prefix }}: the route is {{ $labels.state }}`,
    description:
      "The peer is offline, its route is no longer approved, tailscaled does not install it, or its Node has not published its tailnet node. Packets to these pods are refused, never sent unencrypted.",
  },
  {
    alert: "HeadcniPrefixConflict",
    severity: "critical",
    expr: 'headcni_route_state{kind="peer",state="conflicting"} == 1',
    forSeconds: peerRouteLimitSeconds("conflicting"),
    summary: `on ${at} the wrong machine announces the prefix {{ $labels.prefix }}`,
    description:
      "A machine announces a prefix that is no Node's pod CIDR, or the pod CIDR of another machine's Node; without Kubernetes, two nodes announce overlapping prefixes. headcnictl status names the machine.",
  },
  {
    alert: "HeadcniWireOutdated",
    severity: "warning",
    expr: `${machines("wire")} and ${machines("clusterNodes")} unless ${machines("allowlist")}`,
    forSeconds: 600,
    summary: `headcni-wire on ${at} is of an earlier release, or runs without Kubernetes: it keeps no allowlist`,
    description:
      "Until it is replaced, the node accepts every machine that Headscale lets serve a pod prefix. Its restart cuts the node off for some seconds.",
  },
  {
    alert: "HeadcniNetworkErrors",
    severity: "warning",
    expr: `rate(headcni_network_errors_total[300s]) > 0.1`,
    forSeconds: 300,
    summary: `{{ $labels.error_type }} on ${at}, {{ $value | humanize }} times a second`,
    description: "The error type is the code in the daemon's log lines, which say what failed.",
  },
  {
    alert: "HeadcniCniCallsFail",
    severity: "critical",
    expr: `${callRate('{outcome!="ok"}')} / ${callRate("")} > 0.1`,
    forSeconds: 300,
    summary: `{{ $value | humanizePercentage }} of the {{ $labels.command }} calls on ${at} fail`,
    description: "The container runtime retries by itself. The pods' Events name the reason.",
  },
  {
    alert: "HeadcniCniCallsSlow",
    severity: "warning",
    expr: `histogram_quantile(0.9, sum without (outcome) (rate(headcni_cni_request_duration_seconds_bucket{command=~"ADD|DEL"}[300s]))) > 2.5`,
    forSeconds: 300,
    summary: `a tenth of the {{ $labels.command }} calls on ${at} takes {{ $value | humanizeDuration }} or more`,
    description: "Calls wait for the kernel worker, for CPU, or after a start for the guard.",
  },
  {
    alert: "HeadcniObserverDisabled",
    severity: "warning",
    expr: "headcni_observer_disabled == 1",
    forSeconds: 0,
    summary: `the daemon of ${at} no longer observes its machines`,
    description:
      "Metrics, logs and pages about machines are no longer updated, and alerts on states cannot fire for this node. Pods are served as before.",
  },
];
