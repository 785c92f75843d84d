import { describe, expect, test } from "vitest";
import { createActor, createMachine } from "xstate";
import { createLogger } from "../../../src/observe/logs/logger.ts";
import { machineHealth } from "../../../src/observe/machines/machine-health.ts";
import { createMachineObserver } from "../../../src/observe/machines/machine-observer.ts";
import { registerLiveMetrics } from "../../../src/observe/metrics/live-metrics.ts";
import { registerMachineMetrics } from "../../../src/observe/metrics/machine-metrics.ts";
import { createRegistry } from "../../../src/observe/metrics/metrics.ts";
import { createNewsMetrics } from "../../../src/observe/metrics/news-metrics.ts";
import { successReply } from "../../../src/protocol/reply.ts";
import { cniRequest } from "../../support/cni-requests.ts";
import { observedSystem } from "../observed-system.ts";

/** The samples of the metric, as they stand in the text format. */
async function samples(registry: { metrics(): Promise<string> }, name: string): Promise<readonly string[]> {
  const text = await registry.metrics();
  return text.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
}

describe("the machines' metrics", () => {
  test("count machines by state, zeros included, their age, and those beyond their limit", async () => {
    const registry = createRegistry();
    const { observer, spawn, tell, clock } = observedSystem();
    registerMachineMetrics(registry, observer);
    spawn("a");
    spawn("b");
    tell("a", "go");
    clock.now = 2500;
    expect(await samples(registry, "headcni_machines")).toEqual([
      'headcni_machines{machine="root",state="running"} 1',
      'headcni_machines{machine="child",state="idle"} 1',
      'headcni_machines{machine="child",state="passing"} 0',
      'headcni_machines{machine="child",state="working"} 1',
    ]);
    expect(await samples(registry, "headcni_machine_oldest_seconds")).toContain(
      'headcni_machine_oldest_seconds{machine="child",state="working"} 2.5',
    );
    expect(await samples(registry, "headcni_machine_stuck")).toEqual([
      'headcni_machine_stuck{machine="child",state="working"} 1',
    ]);
  });

  test("tell the limit of a state around others in a series of its own, whatever the inner ones do", async () => {
    const registry = createRegistry();
    const { observer, spawn, tell, clock } = observedSystem();
    registerMachineMetrics(registry, observer);
    spawn("a");
    for (const event of ["go", "deeper"] as const) tell("a", event);
    clock.now = 4000;
    tell("a", "step");
    clock.now = 6500;
    const stuckNow = async () =>
      (await samples(registry, "headcni_machine_stuck")).filter((line) => line.includes("nested"));
    expect(await stuckNow()).toEqual([
      'headcni_machine_stuck{machine="child",state="nested.first"} 0',
      'headcni_machine_stuck{machine="child",state="nested"} 1',
    ]);
    expect(await samples(registry, "headcni_machine_oldest_seconds")).toEqual(
      expect.arrayContaining([
        'headcni_machine_oldest_seconds{machine="child",state="nested"} 6.5',
        'headcni_machine_oldest_seconds{machine="child",state="nested.second"} 2.5',
      ]),
    );
    const machines = await samples(registry, "headcni_machines");
    expect(machines.filter((line) => line.includes('state="nested"'))).toEqual([]);
    tell("a", "end");
    expect(await stuckNow()).toContain('headcni_machine_stuck{machine="child",state="nested"} 0');
  });

  test("count transitions and ignored events, the same at every scrape", async () => {
    const registry = createRegistry();
    const { observer, spawn, tell } = observedSystem();
    registerMachineMetrics(registry, observer);
    spawn("a");
    for (const event of ["go", "loop", "loop", "step"] as const) tell("a", event);
    await registry.metrics();
    expect(await samples(registry, "headcni_machine_transitions_total")).toEqual([
      'headcni_machine_transitions_total{machine="child",from="idle",to="passing"} 1',
      'headcni_machine_transitions_total{machine="child",from="passing",to="working"} 1',
      'headcni_machine_transitions_total{machine="child",from="working",to="working"} 2',
    ]);
    expect(await samples(registry, "headcni_machine_events_ignored_total")).toContain(
      'headcni_machine_events_ignored_total{machine="child",event="step"} 1',
    );
  });

  test("and health show a failed machine that nobody deals with", async () => {
    const registry = createRegistry();
    const { observer, spawn, tell } = observedSystem({ letGo: false });
    registerMachineMetrics(registry, observer);
    spawn("a");
    expect(machineHealth(observer)).toEqual({ alive: true, reasons: [] });
    tell("a", "crash");
    expect(machineHealth(observer)).toEqual({ alive: false, reasons: ["child (a) failed: a bug"] });
    expect(await samples(registry, "headcni_machines")).toContain(
      'headcni_machines{machine="child",state="error"} 1',
    );
  });
});

describe("the metrics", () => {
  /** An ADD of two milliseconds, its addresses and a failure, as the machines tell of them. */
  function counted(options: { readonly podNames?: boolean } = {}) {
    const registry = createRegistry();
    let now = 0;
    const hear = createNewsMetrics(registry, { strategy: "sequential", monotonicMs: () => now, ...options });
    const pod = { namespace: "shop", name: "web-1", uid: "u1" };
    hear({ type: "call.received", callId: "1", request: cniRequest("ADD", "c1", { pod }) });
    now = 2;
    hear({ type: "call.answered", callId: "1", reply: successReply() });
    hear({ type: "addresses.assigned", addresses: ["10.244.1.7", "fd00::7"] });
    hear({ type: "failure.occurred", failure: { code: "ADDRESS_TAKEN", message: "taken" } });
    return registry.metrics();
  }

  test("have the names and labels that users know", async () => {
    const text = await counted();
    expect(text).toContain(
      'headcni_pod_network_setup_duration_seconds_bucket{le="0.0025",namespace="shop"} 1',
    );
    expect(text).toContain('headcni_cni_request_duration_seconds_count{command="ADD",outcome="ok"} 1');
    expect(text).toContain('headcni_ip_allocations_total{strategy="sequential"} 2');
    expect(text).toContain('headcni_network_errors_total{error_type="ADDRESS_TAKEN"} 1');
    expect(text).toContain("headcni_process_resident_memory_bytes ");
    expect(text).not.toContain("web-1");
  });

  test("name pods only on request", async () => {
    expect(await counted({ podNames: true })).toContain('pod_name="web-1"');
  });

  test("read what is live at the scrape, and drop what is gone", async () => {
    const registry = createRegistry();
    let routes = [{ prefix: "10.244.2.0/24", kind: "peer" as const, state: "expected" }];
    registerLiveMetrics(registry, {
      pools: () => [
        { prefix: "10.244.1.0/24", size: 253, used: 4 },
        { prefix: "fd00:10:244:1::/64", size: 2 ** 48, used: 4 },
      ],
      routes: () => routes,
      strangers: () => 20_000,
      nodeAddressPublished: () => true,
      policies: () => ({
        policies: { enforced: 2, unreadable: 1, refused: 0 },
        isolated: 3,
        elements: 40,
        ended: 5,
      }),
      peerPaths: () => [{ peer: "n2", path: "direct" }],
      guardRepairs: () => [{ invariant: "ownPrefixRule", count: 2 }],
      readiness: () => ({ serving: true, state: "degraded", reasons: [] }),
    });
    await registry.metrics();
    routes = [{ prefix: "10.244.2.0/24", kind: "peer", state: "installed" }];
    expect(await samples(registry, "headcni_route_state")).toEqual([
      'headcni_route_state{prefix="10.244.2.0/24",kind="peer",state="installed"} 1',
    ]);
    expect(await samples(registry, "headcni_ip_pool_size")).toEqual([
      'headcni_ip_pool_size{prefix="10.244.1.0/24"} 253',
      `headcni_ip_pool_size{prefix="fd00:10:244:1::/64"} ${2 ** 48}`,
    ]);
    expect(await samples(registry, "headcni_ip_pool_used")).toEqual([
      'headcni_ip_pool_used{prefix="10.244.1.0/24"} 4',
      'headcni_ip_pool_used{prefix="fd00:10:244:1::/64"} 4',
    ]);
    expect(await samples(registry, "headcni_peer_path")).toEqual([
      'headcni_peer_path{peer="n2",path="direct"} 1',
    ]);
    expect(await samples(registry, "headcni_stranger_prefixes")).toEqual(["headcni_stranger_prefixes 20000"]);
    expect(await samples(registry, "headcni_network_policies")).toEqual([
      'headcni_network_policies{state="enforced"} 2',
      'headcni_network_policies{state="unreadable"} 1',
      'headcni_network_policies{state="refused"} 0',
    ]);
    expect(await samples(registry, "headcni_policy_isolated_addresses")).toEqual([
      "headcni_policy_isolated_addresses 3",
    ]);
    expect(await samples(registry, "headcni_policy_elements")).toEqual(["headcni_policy_elements 40"]);
    expect(await samples(registry, "headcni_policy_flows_ended_total")).toEqual([
      "headcni_policy_flows_ended_total 5",
    ]);
    expect(await samples(registry, "headcni_node_address_published")).toEqual([
      "headcni_node_address_published 1",
    ]);
    expect(await samples(registry, "headcni_guard_repairs_total")).toEqual([
      'headcni_guard_repairs_total{invariant="ownPrefixRule"} 2',
    ]);
    expect(await samples(registry, "headcni_serving")).toEqual(["headcni_serving 1"]);
    expect(await samples(registry, "headcni_readiness")).toEqual([
      'headcni_readiness{state="proven"} 0',
      'headcni_readiness{state="unproven"} 0',
      'headcni_readiness{state="degraded"} 1',
    ]);
  });
});

test("a machine with parallel regions has a series for each region's state, not for each combination", async () => {
  const registry = createRegistry();
  let now = 0;
  const log = createLogger({ level: "fatal", base: {} }).log;
  const observer = createMachineObserver({ log, monotonicMs: () => now });
  registerMachineMetrics(registry, observer);
  const region = (limited: string) => ({
    initial: "ok",
    on: { [`${limited}.lost`]: ".lost", [`${limited}.found`]: ".ok" },
    states: { ok: {}, lost: { meta: { limit: { ms: 1000, means: "lost" } } } },
  });
  const regions = createMachine({
    id: "both",
    type: "parallel",
    states: { left: region("left"), right: region("right") },
  });
  const actor = createActor(regions, { inspect: observer.inspect }).start();
  actor.send({ type: "left.lost" });
  now = 900;
  actor.send({ type: "right.lost" });
  now = 2100;
  expect(await samples(registry, "headcni_machines")).toEqual([
    'headcni_machines{machine="both",state="left.ok"} 0',
    'headcni_machines{machine="both",state="right.ok"} 0',
    'headcni_machines{machine="both",state="left.lost"} 1',
    'headcni_machines{machine="both",state="right.lost"} 1',
  ]);
  expect(await samples(registry, "headcni_machine_stuck")).toEqual([
    'headcni_machine_stuck{machine="both",state="left.lost"} 1',
    'headcni_machine_stuck{machine="both",state="right.lost"} 0',
  ]);
  expect(await samples(registry, "headcni_machine_transitions_total")).toEqual([
    'headcni_machine_transitions_total{machine="both",from="left.ok",to="left.lost"} 1',
    'headcni_machine_transitions_total{machine="both",from="right.ok",to="right.lost"} 1',
  ]);
});
