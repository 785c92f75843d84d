import { randomUUID } from "node:crypto";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { waitForDaemon } from "../../lab/headcni/daemon.ts";
import { ctlDocument, runCtl } from "../../lab/headcni/run-ctl.ts";
import { nodeOf } from "../../lab/lab-store.ts";
import type { LabNode } from "../../lab/lab-types.ts";
import { type Capture, captureLink, captureUnderlay } from "../../lab/network/capture.ts";
import { inNetns, netnsPath } from "../../lab/network/netns.ts";
import { bridgeAddress6 } from "../../lab/network/underlay.ts";
import { addPod, deletePod, execInNode, execInPod, type Pod } from "../../lab/pods.ts";
import { type CommandLine, run } from "../../lab/run-command.ts";
import { killService, startService } from "../../lab/services.ts";
import { headscale } from "../../lab/tailnet/headscale.ts";
import { tailscaledCounters } from "../../lab/tailnet/local-api.ts";
import {
  answersZeroChecksum,
  fetchFrom,
  startPodServer,
  startProbe,
  startRead,
} from "../../lab/traffic/traffic.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { cleanUp, expectCleanNode } from "../support/clean-node.ts";
import { callPlugin } from "../support/plugin-call.ts";
import { pings } from "../support/traffic/pings.ts";
import { useLab } from "../support/use-lab.ts";
import { metric, samples } from "../support/views/daemon-view.ts";
import { heldByGuard, runInX } from "../support/views/guard-view.ts";
import { podKernelState } from "../support/views/kernel-view.ts";

/** What must never cross the underlay unencrypted. */
const podPackets = "net 10.244.0.0/16 or net fd00:10:244::/48";
/** IPv6 carries at least this much (RFC 8200 section 5), and the pods' MTU is no larger. */
const mtu = 1280;

const lab = useLab({ nodes: 2, families: [4, 6] });
const pods: { a1: Pod; a2: Pod; b1: Pod } = {} as never;
const node = (name: string): LabNode => nodeOf(lab(), name);
const inNode = (name: string, ...command: CommandLine) => run(inNetns(node(name).netns, command));
const v6 = ({ addresses }: Pod): string => addresses.find((address) => address.includes(":")) ?? "";
const router6 = (name: string): string => node(name).routerAddresses[1] ?? "";

beforeAll(async () => {
  pods.a1 = await addPod(lab(), "n1", "a1");
  pods.a2 = await addPod(lab(), "n1", "a2");
  pods.b1 = await addPod(lab(), "n2", "b1");
  for (const pod of Object.values(pods)) await startPodServer(lab(), pod);
});

/** Ends a capture and returns the packets that match, of which there must be some. */
async function seen(capture: Capture, filter: string): Promise<readonly string[]> {
  const lines = await capture.stop(filter);
  expect(lines.length).toBeGreaterThan(0);
  return lines;
}

test("each pod has an address of both families, out of its node's slices", () => {
  for (const pod of Object.values(pods)) {
    const index = node(pod.node).index;
    expect(pod.addresses).toEqual([
      expect.stringMatching(new RegExp(`^10\\.244\\.${index}\\.`)),
      expect.stringMatching(new RegExp(`^fd00:10:244:${index}::`)),
    ]);
  }
});

test("each address that was given out counts", async () => {
  expect(await metric(node("n1"), "headcni_ip_allocations_total")).toBe(4);
  expect(await metric(node("n2"), "headcni_ip_allocations_total")).toBe(2);
});

test.each([0, 1])(
  "pods reach each other on one node and across nodes, each seen with its own address (family %i)",
  async (family) => {
    const addressOf = ({ addresses }: Pod) => addresses[family] ?? "";
    for (const from of Object.values(pods)) {
      const others = Object.values(pods).filter((pod) => pod !== from);
      const reports = await fetchFrom(
        from,
        others.map((pod) => ({ address: addressOf(pod) })),
        100_000,
      );
      expect(reports).toEqual(
        others.map(() => expect.objectContaining({ bytes: 100_000, source: addressOf(from) })),
      );
    }
  },
);

test("a stream and IPv6 pings in all directions, nothing of it unencrypted", async () => {
  const capture = await captureUnderlay(lab());
  const stream = await startRead(pods.a1, { address: v6(pods.b1) }, 1_000_000);
  for (const [from, to] of [
    [pods.a1, v6(pods.b1)],
    [pods.b1, v6(pods.a1)],
    [pods.a1, v6(pods.a2)],
    [pods.a1, router6("n1")],
    [pods.b1, router6("n1")],
    [node("n1"), v6(pods.a1)],
    [node("n1"), v6(pods.b1)],
    [node("n1"), router6("n2")],
  ] as const)
    expect(await pings(from, to), `to ${to}`).toBe(true);
  const report = await stream.stop();
  expect(report.error).toBeUndefined();
  expect(report.bytes).toBeGreaterThan(0);
  expect(await capture.stop(podPackets)).toEqual([]);
});

// Before the tests that take links from tailscaled: it may open its sockets anew for some time after.
test("a daemon that is killed and replaced costs IPv6 no packet", async () => {
  const daemon = { name: "daemon", node: "n1" } as const;
  const steps: string[] = [];
  const at = (step: string) => steps.push(`${step} at ${new Date().toISOString()}`);
  const probe = await startProbe(pods.a1, v6(pods.b1), 5);
  at("kill");
  await killService(lab(), daemon);
  await startService(lab(), daemon);
  at("started");
  await waitForDaemon(lab(), node("n1"));
  at("ready");
  const report = await probe.stop();
  // A tailscaled that opened its socket anew (`stunDelayMs` in lab/tailnet/derp.ts) would explain a loss.
  const rebinds = lab().nodes.map((each) => tailscaledCounters(lab(), each, ["magicsock_rebind_calls"]));
  const explained = JSON.stringify({ steps, report, rebinds: await Promise.all(rebinds) });
  expect(report.received, explained).toBe(report.sent);
});

test("datagrams whose checksum comes out as 0 reach pods on the same node and across the tailnet", async () => {
  for (const target of [v6(pods.a2), v6(pods.b1)])
    expect(await answersZeroChecksum(pods.a1, target), `to ${target}`).toBe(true);
});

test("full-size packets pass whole, larger ones are told the MTU", async () => {
  const echo = (bytes: number) => ["-M", "do", "-s", String(bytes - 48), v6(pods.b1)] as const;
  expect(await pings(pods.a1, ...echo(mtu))).toBe(true);
  expect(await pings(pods.a1, ...echo(mtu + 1))).toBe(false);
  // The node's end of the veth is wider than the tunnel: X has to say so.
  const wide = await execInNode(node("n1"), ["ping", "-c", "1", "-W", "2", ...echo(1400)]);
  expect(wide.stdout).toContain(`mtu=${mtu}`);
});

test("foreign sources take the IPv6 router address on their way into the tailnet", async () => {
  const capture = await captureLink(lab(), pods.b1.netns, "eth0");
  expect(await pings(node("n1"), "-I", node("n1").address6 ?? "", v6(pods.b1))).toBe(true);
  for (const line of await seen(capture, "icmp6[icmp6type] == icmp6-echo"))
    expect(line).toContain(`${router6("n1")} > ${v6(pods.b1)}`);
});

test("TCP from a node agrees on segments that fit the tunnel", async () => {
  const capture = await captureLink(lab(), pods.b1.netns, "eth0");
  await inNode("n1", "bash", "-c", `exec 3<>/dev/tcp/${v6(pods.b1)}/8080`);
  const lines = await seen(capture, "ip6[6] == 6 and ip6[53] & 2 != 0 and dst port 8080");
  for (const line of lines) expect(line).toContain(`mss ${mtu - 60}`);
});

test("what pods send beyond the cluster leaves with the node's IPv6 address", async () => {
  const capture = await captureUnderlay(lab());
  expect(await pings(pods.a1, bridgeAddress6)).toBe(true);
  for (const line of await seen(capture, "icmp6[icmp6type] == icmp6-echo"))
    expect(line).toContain(`${node("n1").address6} > ${bridgeAddress6}`);
});

test("while the IPv6 route is withdrawn its traffic fails closed and IPv4 goes on", async () => {
  const [slice4 = "", slice6 = ""] = node("n2").podCIDRs;
  const routes = await headscale(lab(), ["nodes", "list-routes", "-o", "json"]);
  const served = JSON.parse(routes) as { id: number; subnet_routes?: string[] }[];
  const id = String(served.find(({ subnet_routes }) => subnet_routes?.includes(slice6))?.id);
  const approve = (...prefixes: string[]) =>
    headscale(lab(), ["nodes", "approve-routes", "-i", id, "-r", prefixes.join()]);
  onTestFinished(async () => {
    await approve(slice4, slice6);
  });
  const capture = await captureUnderlay(lab());
  const probes = await Promise.all(pods.b1.addresses.map((address) => startProbe(pods.a1, address, 10)));
  await approve(slice4);
  await waitUntil(async () => !(await pings(pods.a1, v6(pods.b1))), {
    what: "the IPv6 route is gone",
    timeoutMs: 30_000,
  });
  expect(await pings(node("n1"), v6(pods.b1))).toBe(false);
  await approve(slice4, slice6);
  await waitUntil(() => pings(pods.a1, v6(pods.b1)), { what: "the route is back", timeoutMs: 30_000 });
  const [over4, over6] = await Promise.all(probes.map((probe) => probe.stop()));
  expect(over4?.received).toBe(over4?.sent);
  expect(over6?.received).toBeLessThan(over6?.sent ?? 0);
  expect(await capture.stop(podPackets)).toEqual([]);
});

test("a pod is told at once that an IPv6 address of no node is unreachable", async () => {
  // The kernel limits how many such answers a host gets.
  const told = async () =>
    (await execInPod(pods.a1, ["ping", "-c", "1", "-W", "2", "fd00:10:244:77::2"])).stdout.includes(
      "unreachable",
    );
  await waitUntil(told, { what: "Destination unreachable", timeoutMs: 30_000 });
});

test.each([
  {
    firewall: "an ip6tables policy",
    drop: ["ip6tables", "-P", "FORWARD", "DROP"],
    undo: ["ip6tables", "-P", "FORWARD", "ACCEPT"],
  },
  {
    firewall: "a table of nftables for IPv6",
    drop: [
      "nft",
      "table ip6 other { chain forward { type filter hook forward priority 10; policy drop; }; }",
    ],
    undo: ["nft", "delete table ip6 other"],
  },
] as const)("$firewall that drops forwarded packets does not stop pods", async ({ drop, undo }) => {
  onTestFinished(async () => {
    await execInNode(node("n1"), undo);
  });
  expect(await execInNode(node("n1"), drop)).toMatchObject({ exitCode: 0 });
  await waitUntil(() => pings(pods.a1, v6(pods.b1)), { what: "pods talk in spite of it", timeoutMs: 30_000 });
  expect(await pings(pods.b1, v6(pods.a1))).toBe(true);
  expect(await pings(pods.a1, v6(pods.a2))).toBe(true);
});

/** By what the kernel tells of it: each kind has one group of notifications. IPv4's, one by one: test/adapters/tailnet-namespace/guard-repairs.test.ts. */
const spoiled: readonly {
  readonly what: string;
  readonly node: readonly string[];
  readonly X: readonly string[];
}[] = [
  {
    what: "rules",
    node: ["ip -6 rule del pref 5180", "ip -6 rule del pref 5190"],
    X: ["ip -6 rule del pref 5180"],
  },
  {
    what: "routes",
    node: ["ip -6 route flush table 18499", "ip -6 route del unreachable fd00:10:244::/48"],
    X: ["ip -6 route flush type unreachable", "ip -6 route del fd00:10:244:1::/64"],
  },
  {
    what: "addresses",
    node: ["ip address del fd00:10:244:1::1/128 dev headcni0", "ip address del fe80::4843:1/64 dev headcni0"],
    X: ["ip address del fe80::4843:2/64 dev eth0"],
  },
  { what: "the node's end of the link", node: ["ip link set headcni0 down"], X: [] },
  { what: "tailscaled's end of the link", node: [], X: ["ip link set eth0 down"] },
  {
    what: "forwarding",
    node: ["sysctl -qw net.ipv6.conf.all.forwarding=0"],
    X: ["sysctl -qw net.ipv6.conf.all.forwarding=0"],
  },
  { what: "firewalls", node: ["nft flush ruleset"], X: ["nft flush ruleset"] },
];

test.each(spoiled)("what somebody spoils of $what is repaired", async ({ what, ...spoils }) => {
  const repairs = () => metric(node("n1"), "headcni_guard_repairs_total");
  const [before, podsBefore, count] = [
    await heldByGuard(node("n1")),
    await podKernelState(node("n1")),
    await repairs(),
  ];
  const words = (spoil: string) => spoil.split(" ") as [string, ...string[]];
  for (const spoil of spoils.node) await inNode("n1", ...words(spoil));
  for (const spoil of spoils.X) await runInX(node("n1"), words(spoil));
  await waitUntil(async () => (await heldByGuard(node("n1"))) === before && (await repairs()) > count, {
    what: `what was spoiled of ${what} is repaired and counted`,
    timeoutMs: 30_000,
    explain: async () => `before:\n${before}\nnow:\n${await heldByGuard(node("n1"))}`,
  });
  expect(await podKernelState(node("n1"))).toEqual(podsBefore);
  for (const address of pods.a1.addresses)
    await waitUntil(() => pings(pods.b1, address), { what: `traffic to ${address}`, timeoutMs: 30_000 });
  await waitUntil(() => pings(node("n1"), v6(pods.b1)), { what: "the node's traffic", timeoutMs: 30_000 });
});

test("CHECK misses an IPv6 address and route, DEL takes both families", async () => {
  const pod = await addPod(lab(), "n1", "checked");
  const containerId = randomUUID();
  const call = { containerId, netns: netnsPath(pod.netns), ifName: "net1" };
  const { answer } = await callPlugin(node("n1"), { command: "ADD", ...call });
  const check = async () => {
    const config = { prevResult: answer };
    return (await callPlugin(node("n1"), { command: "CHECK", ...call, config })).exitCode;
  };
  expect(await check()).toBe(0);
  await run(inNetns(pod.netns, ["ip", "-6", "route", "del", "default", "dev", "net1"]));
  expect(await check()).not.toBe(0);
  const { ips } = answer as { readonly ips: readonly { readonly address: string }[] };
  expect((await podKernelState(node("n1"))).routes).toEqual(
    expect.arrayContaining(ips.map(({ address }) => address.replace(/\/\d+$/, ""))),
  );
  expect((await callPlugin(node("n1"), { command: "DEL", ...call })).exitCode).toBe(0);
  await deletePod(lab(), "checked");
  const left = await podKernelState(node("n1"));
  expect(left.routes).toEqual([pods.a1, pods.a2].flatMap(({ addresses }) => addresses).sort());
});

test("status, doctor and metrics know both families", async () => {
  type Status = {
    readonly status: {
      readonly pools: readonly { readonly prefix: string }[];
      readonly routes: readonly { readonly prefix: string; readonly kind: string; readonly state: string }[];
    };
  };
  const { status } = await ctlDocument<Status>(lab(), node("n1"), ["status"]);
  expect(status.pools.map(({ prefix }) => prefix)).toEqual(node("n1").podCIDRs);
  const states = status.routes.map(({ prefix, state }) => [prefix, state]);
  for (const prefix of node("n1").podCIDRs) expect(states).toContainEqual([prefix, "serving"]);
  for (const prefix of node("n2").podCIDRs) expect(states).toContainEqual([prefix, "installed"]);
  const found = await samples(node("n1"));
  for (const prefix of node("n1").podCIDRs)
    expect(found).toContainEqual({
      ...{ name: "headcni_ip_pool_used", labels: { prefix }, value: 2 },
    });
  const human = await runCtl(lab(), node("n1"), ["status"]);
  for (const line of human.stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(100);
  const doctor = await runCtl(lab(), node("n1"), ["doctor"]);
  const words = human.stdout.replace(/\s+/g, " ");
  expect(words).toContain("2 of 253 addresses of 10.244.1.0/24 used");
  // The count of a /64 tells nobody anything.
  expect(words).toContain("2 addresses of fd00:10:244:1::/64 used");
  expect(doctor.stdout).not.toContain("FAIL");
});

test("connect-test follows both families", async () => {
  const { pairs } = await ctlDocument<{ readonly pairs: readonly unknown[] }>(lab(), node("n1"), [
    "connect-test",
  ]);
  expect(pairs).toEqual(
    [4, 6].map((family) => expect.objectContaining({ from: "n1", to: "n2", family, result: "ok" })),
  );
});

test("--cleanup leaves nothing of either family", async () => {
  await cleanUp(lab(), node("n1"));
  await expectCleanNode(node("n1"));
});
