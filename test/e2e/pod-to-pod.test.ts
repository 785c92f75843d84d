import { beforeAll, expect, onTestFinished, test } from "vitest";
import { waitForDaemon } from "../lab/headcni/daemon.ts";
import { nodeOf } from "../lab/lab-store.ts";
import type { LabNode } from "../lab/lab-types.ts";
import { captureUnderlay } from "../lab/network/capture.ts";
import { inNetns } from "../lab/network/netns.ts";
import { addPod, execInNode, execInPod, type Pod } from "../lab/pods.ts";
import { type CommandLine, run } from "../lab/run-command.ts";
import { startService, stopService } from "../lab/services.ts";
import { headscale } from "../lab/tailnet/headscale.ts";
import { peerPaths, tailscaledStatus } from "../lab/tailnet/local-api.ts";
import { fetchFrom, startPodServer, startProbe } from "../lab/traffic/traffic.ts";
import { waitUntil } from "../lab/wait-until.ts";
import { eachMode } from "./support/each-mode.ts";
import { pings } from "./support/traffic/pings.ts";
import { metric } from "./support/views/daemon-view.ts";
import { heldByGuard, runInX } from "./support/views/guard-view.ts";

/** What must never cross the underlay unencrypted: any packet with a pod's address. */
const podPackets = "net 10.244.0.0/16";
/** That of HeadCNI's tailscaled, and that of an owner's. */
const wireGuardPackets = { daemon: "udp port 41642", host: "udp port 41641" } as const;
/** Of the guard in the node's namespace and in tailscaled's, which in mode host are one: tailscaled's own tables stay its owner's. */
const spoils = {
  daemon: [
    { where: "node", spoil: "ip route flush table 18499" },
    { where: "node", spoil: "nft flush ruleset" },
    { where: "node", spoil: "sysctl -qw net.ipv4.ip_forward=0" },
    { where: "X", spoil: "nft flush ruleset" },
  ],
  host: [
    { where: "node", spoil: "ip rule del pref 5199" },
    { where: "node", spoil: "ip rule del pref 5263" },
    { where: "node", spoil: "nft delete table inet headcni" },
    { where: "node", spoil: "sysctl -qw net.ipv4.ip_forward=0" },
  ],
} as const;
/** What makes the guard look at all it holds. */
const glance = { daemon: "5180", host: "5199" } as const;

eachMode({ nodes: 2, hostTailscaled: ["n1", "n2"] }, (lab, mode) => {
  const pods: { a1: Pod; a2: Pod; b1: Pod } = {} as never;
  const node = (name: string): LabNode => nodeOf(lab(), name);

  beforeAll(async () => {
    pods.a1 = await addPod(lab(), "n1", "a1");
    pods.a2 = await addPod(lab(), "n1", "a2");
    pods.b1 = await addPod(lab(), "n2", "b1");
    for (const pod of Object.values(pods)) await startPodServer(lab(), pod);
  });

  test("pods reach each other on one node and across nodes, each seen with its own address", async () => {
    const all = Object.values(pods);
    for (const from of all) {
      const others = all.filter((pod) => pod !== from);
      const reports = await fetchFrom(from, others, 100_000);
      expect(reports).toEqual(
        others.map(() => expect.objectContaining({ bytes: 100_000, source: from.address })),
      );
    }
  });

  test("the nodes reach each other directly, not through the relay", async () => {
    expect((await peerPaths(lab())).map(({ path }) => path)).toEqual(["direct", "direct"]);
  });

  test("pod traffic crosses the underlay as WireGuard only", async () => {
    const capture = await captureUnderlay(lab());
    await fetchFrom(pods.a1, [pods.b1], 1_000_000);
    await fetchFrom(pods.b1, [pods.a1], 1_000_000);
    const captured = await capture.stop(`(${podPackets}) or (${wireGuardPackets[mode]})`);
    // With offloads a packet of the capture is up to 64 kB of the 2 MB.
    expect(captured.length).toBeGreaterThan(30);
    expect(captured.filter((line) => line.includes("10.244."))).toEqual([]);
  });

  test("nodes reach remote pods and pods reach remote nodes' router addresses, nothing of it unencrypted", async () => {
    const capture = await captureUnderlay(lab());
    expect(await pings(node("n1"), pods.b1.address)).toBe(true);
    expect(await pings(node("n1"), pods.a1.address)).toBe(true);
    expect(await pings(pods.b1, node("n1").routerAddress)).toBe(true);
    // A hostNetwork pod that bound itself to the node's address: SNATed where it enters the tailnet.
    expect(await pings(node("n1"), "-I", node("n1").address, pods.b1.address)).toBe(true);
    expect(await capture.stop(podPackets)).toEqual([]);
  });

  test.each([
    {
      firewall: "Docker's (iptables, policy of FORWARD)",
      drop: ["iptables", "-P", "FORWARD", "DROP"],
      undo: ["iptables", "-P", "FORWARD", "ACCEPT"],
    },
    {
      firewall: "a table of nftables",
      drop: [
        "nft",
        "table inet other { chain forward { type filter hook forward priority 10; policy drop; }; }",
      ],
      undo: ["nft", "delete table inet other"],
    },
  ] as const)("$firewall that drops forwarded packets does not stop pods", async ({ drop, undo }) => {
    onTestFinished(async () => {
      await execInNode(node("n1"), undo);
    });
    expect(await execInNode(node("n1"), drop)).toMatchObject({ exitCode: 0 });
    await waitUntil(() => pings(pods.a1, pods.b1.address), {
      what: "pods talk in spite of it",
      timeoutMs: 30_000,
    });
    expect(await pings(pods.b1, pods.a1.address)).toBe(true);
    expect(await pings(pods.a1, pods.a2.address)).toBe(true);
  });

  if (mode === "daemon")
    test("the nodes' own tailscaleds work beside ours and know nothing of pods", async () => {
      const status = await tailscaledStatus(node("n1").hostTailscaledSocket ?? "");
      const peer = Object.values(status.Peer ?? {}).find(({ HostName }) => HostName === "host-n2");
      const address = peer?.TailscaleIPs?.[0] ?? "";
      expect(await pings(node("n1"), address)).toBe(true);
      const table = await execInNode(node("n1"), ["ip", "route", "show", "table", "52"]);
      expect(table.stdout).toContain(address);
      expect(table.stdout).not.toContain("10.244.");
    });

  test("while a route is withdrawn its traffic fails closed, and comes back with the route", async () => {
    const routes = await headscale(lab(), ["nodes", "list-routes", "-o", "json"]);
    const served = JSON.parse(routes) as { id: number; subnet_routes?: string[] }[];
    const id = served.find(({ subnet_routes }) => subnet_routes?.includes(node("n2").podCIDR))?.id;
    expect(id).toBeDefined();
    const approve = (prefixes: string) =>
      headscale(lab(), ["nodes", "approve-routes", "-i", String(id), "-r", prefixes]);
    const capture = await captureUnderlay(lab());
    const probe = await startProbe(pods.a1, pods.b1.address, 10);
    await approve("");
    await waitUntil(async () => !(await pings(pods.a1, pods.b1.address)), {
      what: "the route is gone",
      timeoutMs: 30_000,
    });
    expect(await pings(node("n1"), pods.b1.address)).toBe(false);
    await approve(node("n2").podCIDR);
    await waitUntil(() => pings(pods.a1, pods.b1.address), { what: "the route is back", timeoutMs: 30_000 });
    const { sent, received } = await probe.stop();
    expect(received).toBeLessThan(sent);
    expect(await capture.stop(podPackets)).toEqual([]);
  });

  /** In the two namespaces the guard holds: the node's own, and X. */
  const inNode = (...command: CommandLine) => run(inNetns(node("n1").netns, command));
  const inX = (...command: CommandLine) => runInX(node("n1"), command);
  const reaches = async () =>
    (await execInPod(pods.a1, ["ping", "-q", "-c", "1", "-W", "1", pods.b1.address])).exitCode === 0;
  const repairs = () => metric(node("n1"), "headcni_guard_repairs_total");

  /** What is spoiled and held again, one by one and with the firewalls' rules: test/adapters/tailnet-namespace/guard-repairs.test.ts. */
  test("what somebody deletes in the node and in X comes back, and pods talk on", async () => {
    const probe = await startProbe(pods.a1, pods.b1.address, 5);
    for (const { where, spoil } of spoils[mode]) {
      const before = await heldByGuard(node("n1"));
      const count = await repairs();
      const [program = "", ...args] = spoil.split(" ");
      await (where === "X" ? inX : inNode)(program, ...args);
      await waitUntil(async () => (await heldByGuard(node("n1"))) === before && (await repairs()) > count, {
        what: `${spoil} is repaired and counted`,
        timeoutMs: 30_000,
        explain: async () => `before:\n${before}\nnow:\n${await heldByGuard(node("n1"))}`,
      });
      await waitUntil(reaches, {
        what: `traffic flows after ${spoil}`,
        timeoutMs: 30_000,
      });
    }
    const { longestSilenceMs } = await probe.stop();
    // Of a quiet machine: some 100 ms.
    expect(longestSilenceMs).toBeLessThan(3_000);
  });

  test("a way into the tunnel that somebody deletes comes back, and the guard leaves it there", async () => {
    const { podCIDR } = node("n2");
    const ways = () => inX("ip", "route", "show", "table", "52");
    await inX("ip", "route", "del", podCIDR, "table", "52");
    await waitUntil(async () => (await ways()).includes(podCIDR), {
      what: `${podCIDR} is back in tailscaled's table`,
      timeoutMs: 30_000,
    });
    const [before, count] = [await heldByGuard(node("n1")), await repairs()];
    await inX("ip", "rule", "del", "pref", glance[mode]);
    await waitUntil(async () => (await heldByGuard(node("n1"))) === before && (await repairs()) > count, {
      what: "the guard has looked and repaired",
      timeoutMs: 30_000,
    });
    expect(await ways()).toContain(podCIDR);
    await waitUntil(reaches, { what: "traffic flows", timeoutMs: 30_000 });
  });

  test("a way into the tunnel that somebody deletes while no daemon runs comes back with the daemon", async () => {
    const { podCIDR } = node("n2");
    const daemon = { name: "daemon", node: "n1" } as const;
    await stopService(lab(), daemon);
    await inX("ip", "route", "del", podCIDR, "table", "52");
    await startService(lab(), daemon);
    await waitForDaemon(lab(), node("n1"));
    await waitUntil(reaches, { what: "traffic flows", timeoutMs: 30_000 });
  });

  test("a tailnet route that would capture the node's own pods does not", async () => {
    const before = await inNode("ip", "route", "get", pods.a1.address);
    await inX("ip", "route", "add", `${pods.a1.address}/32`, "dev", "tailscale0", "table", "52");
    if (mode === "daemon") expect(await inX("ip", "route", "get", pods.a1.address)).toContain("dev eth0");
    expect(await inNode("ip", "route", "get", pods.a1.address)).toBe(before);
  });
});
