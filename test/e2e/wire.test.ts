import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { waitForDaemon } from "../lab/headcni/daemon.ts";
import { liveMachines, readyPage } from "../lab/headcni/daemon-pages.ts";
import { runningWire } from "../lab/headcni/wire.ts";
import { nodeOf } from "../lab/lab-store.ts";
import type { LabNode } from "../lab/lab-types.ts";
import { addPod, deletePod, execInPod, type Pod } from "../lab/pods.ts";
import { isAlive } from "../lab/processes/processes.ts";
import { killService, serviceProcess, startService, stopService } from "../lab/services.ts";
import { headscale } from "../lab/tailnet/headscale.ts";
import { tailscaledCounters } from "../lab/tailnet/local-api.ts";
import { startPodServer, startProbe } from "../lab/traffic/traffic.ts";
import { waitUntil } from "../lab/wait-until.ts";
import { expectCleanNode, runCleanup } from "./support/clean-node.ts";
import { leaveOldTailscaled } from "./support/old-tailscaled.ts";
import { useLab } from "./support/use-lab.ts";
import { metric } from "./support/views/daemon-view.ts";
import { podKernelState } from "./support/views/kernel-view.ts";

/** headcni-wire and the daemon as separate processes, each with the three capabilities of the chart's containers. */
const lab = useLab({ nodes: 2 });
const node = (name: string): LabNode => nodeOf(lab(), name);
const pods: { a: Pod; beside: Pod; b: Pod } = {} as never;
const daemon = { name: "daemon", node: "n1" } as const;
const wire = { name: "wire", node: "n1" } as const;
const tailscaled = { name: "tailscaled", node: "n1" } as const;
/** What a restart costs at most, in ms: a path that was not opened in time waits 5 s for WireGuard's second handshake. */
const bound = 8000;

const reaches = async (from: Pod, to: Pod) =>
  (await execInPod(from, ["ping", "-q", "-c", "1", "-W", "1", to.address])).exitCode === 0;
const podsTalk = () =>
  waitUntil(async () => (await reaches(pods.a, pods.b)) && (await reaches(pods.b, pods.a)), {
    what: "pods of both nodes talk",
    timeoutMs: 120_000,
  });
const ready = () => waitForDaemon(lab(), node("n1"), 120_000);
const reasons = async () => (await readyPage(node("n1")))?.reasons.join("; ") ?? "no answer";
const untilReason = (word: string) =>
  waitUntil(async () => (await reasons()).includes(word), {
    what: `/ready of n1 says ${word}`,
    timeoutMs: 60_000,
    explain: reasons,
  });
const stateOf = async (machine: string) =>
  (await liveMachines(node("n1"))).find((row) => row.machine === machine)?.state;

beforeAll(async () => {
  pods.a = await addPod(lab(), "n1", "a");
  pods.beside = await addPod(lab(), "n1", "beside");
  pods.b = await addPod(lab(), "n2", "b");
  await startPodServer(lab(), pods.b);
  await podsTalk();
});

test("daemon, launcher and tailscaled work with NET_ADMIN, NET_RAW and SYS_ADMIN alone", async () => {
  for (const service of [daemon, wire, tailscaled]) {
    const status = await readFile(`/proc/${(await serviceProcess(lab(), service))?.pid}/status`, "utf8");
    console.info(`${service.name}: ${/^VmRSS:\s+(.*)$/m.exec(status)?.[1]} resident`);
    expect(status).toMatch(/^CapEff:\s+0000000000203000$/m);
  }
});

test.each([
  ["stopped", stopService],
  ["killed", killService],
])("a daemon that is %s and replaced adopts the wire at once: no packet lost", async (_, end) => {
  const before = [await serviceProcess(lab(), wire), await serviceProcess(lab(), tailscaled)];
  const probe = await startProbe(pods.a, pods.b.address, 5);
  await end(lab(), daemon);
  await startService(lab(), daemon);
  await ready();
  const report = await probe.stop();
  // A tailscaled that opened its socket anew (`stunDelayMs` in lab/tailnet/derp.ts) would explain a loss.
  const rebinds = lab().nodes.map((each) => tailscaledCounters(lab(), each, ["magicsock_rebind_calls"]));
  const explained = JSON.stringify(await Promise.all(rebinds));
  expect(report, explained).toEqual({ ...report, received: report.sent });
  expect([await serviceProcess(lab(), wire), await serviceProcess(lab(), tailscaled)]).toEqual(before);
});

test("a killed tailscaled is started again by the launcher, in the same namespace", async () => {
  const before = await runningWire(node("n1"));
  const probe = await startProbe(pods.a, pods.b.address, 20);
  await killService(lab(), tailscaled);
  await waitUntil(
    async () => {
      const now = (await runningWire(node("n1")))?.tailscaled;
      return now !== undefined && now.pid !== before?.tailscaled?.pid;
    },
    { what: "another tailscaled runs", timeoutMs: 60_000 },
  );
  await podsTalk();
  await ready();
  const { longestSilenceMs } = await probe.stop();
  console.info(`silence after the kill of tailscaled under headcni-wire: ${Math.round(longestSilenceMs)} ms`);
  expect(longestSilenceMs).toBeLessThan(bound);
  const after = await runningWire(node("n1"));
  expect(after?.launcher).toEqual(before?.launcher);
  expect(after?.netnsInode).toBe(before?.netnsInode);
  const launcher = { ...node("n1"), httpSocket: join(node("n1").runtimeDir, "wire-http.sock") };
  expect(await metric(launcher, "headcni_network_errors_total", { error_type: "EXITED" })).toBe(1);
});

test("a killed launcher takes tailscaled with it; pods of the node talk on, and a new one is adopted", async () => {
  const before = await runningWire(node("n1"));
  const links = (await podKernelState(node("n1"))).links;
  const old = await serviceProcess(lab(), tailscaled);
  expect(old).toBeDefined();
  await killService(lab(), wire);
  await untilReason("WIRE_GONE");
  expect(await stateOf("tailscaled")).toMatch(/^away\./);
  expect(await serviceProcess(lab(), tailscaled)).toBeUndefined();
  await waitUntil(() => old !== undefined && !isAlive(old), {
    what: "tailscaled has ended with its launcher",
    timeoutMs: 60_000,
  });
  expect(await reaches(pods.a, pods.beside)).toBe(true);
  await addPod(lab(), "n1", "meanwhile");
  await deletePod(lab(), "meanwhile");
  await startService(lab(), wire);
  await podsTalk();
  await ready();
  expect(await reaches(pods.a, pods.beside)).toBe(true);
  expect((await podKernelState(node("n1"))).links).toEqual(links);
  const after = await runningWire(node("n1"));
  expect(after?.launcher).not.toEqual(before?.launcher);
});

test("a daemon that starts without a wire waits for it and says so", async () => {
  await stopService(lab(), daemon);
  await stopService(lab(), wire);
  await startService(lab(), daemon);
  await untilReason("WIRE_MISSING");
  expect(await stateOf("tailscaled")).toMatch(/^away\./);
  await startService(lab(), wire);
  await ready();
  await podsTalk();
});

test("a tailscaled that the daemon of an earlier release ran is replaced, and pods miss it no longer than any other", async () => {
  const old = await leaveOldTailscaled(lab(), node("n1"));
  await podsTalk();
  const probe = await startProbe(pods.a, pods.b.address, 20);
  await startService(lab(), wire);
  await startService(lab(), daemon);
  await waitUntil(() => !isAlive(old), { what: "the old tailscaled has ended", timeoutMs: 60_000 });
  await ready();
  await podsTalk();
  const { longestSilenceMs } = await probe.stop();
  console.info(`silence while headcni-wire takes over: ${Math.round(longestSilenceMs)} ms`);
  const left = ["tailnet.netns", "tailnet-resolv.conf", "tailscaled.pid"];
  expect((await readdir(node("n1").runtimeDir)).filter((name) => left.includes(name))).toEqual([]);
  expect(await readFile("/proc/self/mountinfo", "utf8")).not.toContain(node("n1").runtimeDir);
  expect(longestSilenceMs).toBeLessThan(bound);
});

test("--cleanup withdraws the route, ends the wire, and leaves nothing", async () => {
  const announced = node("n1").podCIDR;
  const served = async () =>
    (
      JSON.parse(await headscale(lab(), ["nodes", "list-routes", "-o", "json"])) as {
        subnet_routes?: string[];
      }[]
    ).flatMap(({ subnet_routes }) => subnet_routes ?? []);
  expect(await served()).toContain(announced);
  await stopService(lab(), daemon);
  const cleaned = await runCleanup(lab(), node("n1"));
  expect(cleaned, cleaned.stdout + cleaned.stderr).toMatchObject({ exitCode: 0, stderr: "" });
  expect(cleaned.stdout).toContain(`withdrew the routes: ${announced}\n`);
  expect(await served()).not.toContain(announced);
  expect(cleaned.stdout).toContain("ended headcni-wire and tailscaled\n");
  expect(await serviceProcess(lab(), wire)).toBeUndefined();
  expect(await serviceProcess(lab(), tailscaled)).toBeUndefined();
  await expectCleanNode(node("n1"));
  const again = await runCleanup(lab(), node("n1"));
  expect(again, again.stdout + again.stderr).toMatchObject({ exitCode: 0, stderr: "" });
});
