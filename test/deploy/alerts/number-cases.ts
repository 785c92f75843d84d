import type { AlertCase } from "./promtool.ts";

/** A node with pods of both families, whose IPv6 addresses never run short. */
function pools(used: string): Readonly<Record<string, string>> {
  return {
    'headcni_ip_pool_used{prefix="10.244.1.0/24"}': used,
    'headcni_ip_pool_size{prefix="10.244.1.0/24"}': "253x61",
    'headcni_ip_pool_used{prefix="fd00:10:244:1::/64"}': used,
    'headcni_ip_pool_size{prefix="fd00:10:244:1::/64"}': `${2 ** 48}x61`,
  };
}

export const numberCases: readonly AlertCase[] = [
  { alert: "HeadcniDown", series: { up: "1 0x20" }, quietAt: 105, ringsAt: 180, labels: {} },
  {
    alert: "HeadcniRestarting",
    // Started anew at 1, 2 and 3 minutes.
    series: { headcni_process_start_time_seconds: "100x4 160x4 220x4 280x80" },
    quietAt: 195,
    ringsAt: 240,
    labels: {},
    quietAgainAt: 1200,
  },
  {
    alert: "HeadcniMachineFailed",
    series: { 'headcni_machines{machine="guard",state="error"}': "0 1x20" },
    quietAt: 15,
    ringsAt: 60,
    labels: { machine: "guard" },
  },
  {
    alert: "HeadcniPartCrashing",
    series: {
      'headcni_machine_transitions_total{machine="ownNode",from="working",to="crashed"}': "0 2 4 6 8x60",
    },
    quietAt: 15,
    ringsAt: 75,
    labels: { machine: "ownNode" },
    quietAgainAt: 900,
  },
  {
    alert: "HeadcniConfigRefused",
    series: { 'headcni_machines{machine="config",state="following.refused"}': "0 1x12 0x20" },
    quietAt: 105,
    ringsAt: 165,
    labels: {},
    quietAgainAt: 240,
  },
  {
    alert: "HeadcniPoolNearlyFull",
    series: pools("200 240x60"),
    quietAt: 285,
    ringsAt: 345,
    labels: { prefix: "10.244.1.0/24" },
  },
  {
    alert: "HeadcniPoolFull",
    series: pools("200 253x10 252x20"),
    quietAt: 60,
    ringsAt: 105,
    labels: { prefix: "10.244.1.0/24" },
    quietAgainAt: 195,
  },
  {
    alert: "HeadcniGuardRepairsRepeat",
    series: { 'headcni_guard_repairs_total{invariant="node table"}': "0+1x10 10x60" },
    quietAt: 60,
    ringsAt: 150,
    labels: { invariant: "node table" },
    quietAgainAt: 900,
  },
  {
    alert: "HeadcniPeerWithoutPath",
    series: {
      'headcni_peer_path{peer="n2",path="direct"}': "1 stale",
      'headcni_peer_path{peer="n2",path="none"}': "_ 1x30",
    },
    quietAt: 285,
    ringsAt: 345,
    labels: { peer: "n2" },
  },
  {
    alert: "HeadcniPeerRouteLost",
    series: {
      'headcni_route_state{prefix="10.244.2.0/24",kind="peer",state="installed"}': "1 stale",
      'headcni_route_state{prefix="10.244.2.0/24",kind="peer",state="lost"}': "_ 1x30",
    },
    quietAt: 300,
    ringsAt: 345,
    labels: { prefix: "10.244.2.0/24", state: "lost" },
  },
  {
    alert: "HeadcniPrefixConflict",
    series: { 'headcni_route_state{prefix="10.244.2.0/25",kind="peer",state="conflicting"}': "_ 1x10 stale" },
    quietAt: 60,
    ringsAt: 90,
    labels: { prefix: "10.244.2.0/25" },
    quietAgainAt: 240,
  },
  {
    alert: "HeadcniWireOutdated",
    series: {
      'headcni_machines{machine="wire",state="serving.steady"}': "1x90",
      'headcni_machines{machine="clusterNodes",state="working.known.whole"}': "_ 1x90",
      'headcni_machines{machine="allowlist",state="list.listed"}': "_x50 1x40",
    },
    quietAt: 600,
    ringsAt: 645,
    labels: {},
    quietAgainAt: 780,
  },
  {
    alert: "HeadcniNetworkErrors",
    series: { 'headcni_network_errors_total{error_type="UNREACHABLE"}': "0+3x40 120x60" },
    quietAt: 330,
    ringsAt: 495,
    labels: { error_type: "UNREACHABLE" },
    quietAgainAt: 930,
  },
  {
    alert: "HeadcniCniCallsFail",
    series: {
      'headcni_cni_request_duration_seconds_count{command="ADD",outcome="ok"}': "0+8x100",
      'headcni_cni_request_duration_seconds_count{command="ADD",outcome="failed"}': "0+2x40 80x60",
      'headcni_cni_request_duration_seconds_count{command="DEL",outcome="ok"}': "0+8x100",
    },
    quietAt: 300,
    ringsAt: 345,
    labels: { command: "ADD" },
    quietAgainAt: 930,
  },
  {
    alert: "HeadcniCniCallsSlow",
    series: {
      'headcni_cni_request_duration_seconds_bucket{command="ADD",outcome="ok",le="2.5"}': "0+5x40 210+10x60",
      'headcni_cni_request_duration_seconds_bucket{command="ADD",outcome="ok",le="5"}': "0+10x100",
      'headcni_cni_request_duration_seconds_bucket{command="ADD",outcome="ok",le="+Inf"}': "0+10x100",
    },
    quietAt: 300,
    ringsAt: 345,
    labels: { command: "ADD" },
    quietAgainAt: 930,
  },
  {
    alert: "HeadcniObserverDisabled",
    series: { headcni_observer_disabled: "0 0 1x10" },
    quietAt: 15,
    ringsAt: 30,
    labels: {},
  },
];
