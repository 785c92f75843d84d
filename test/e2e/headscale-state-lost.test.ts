import { cp, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeAll, expect, test } from "vitest";
import { longestSilence } from "../bench/outages/outages.ts";
import { waitForDaemon } from "../lab/headcni/daemon.ts";
import { readyPage } from "../lab/headcni/daemon-pages.ts";
import { ctlDocument, runCtl } from "../lab/headcni/run-ctl.ts";
import { nodeOf } from "../lab/lab-store.ts";
import type { LabNode } from "../lab/lab-types.ts";
import { addPod, deletePod, execInPod, type Pod } from "../lab/pods.ts";
import { tailOf } from "../lab/processes/log-tail.ts";
import { killService, startService, stopService } from "../lab/services.ts";
import { bootstrapHeadscale, headscale } from "../lab/tailnet/headscale.ts";
import { tailscaledStatus } from "../lab/tailnet/local-api.ts";
import { startPodServer, startProbe } from "../lab/traffic/traffic.ts";
import { waitUntil } from "../lab/wait-until.ts";
import { useLab } from "./support/use-lab.ts";
import { metric } from "./support/views/daemon-view.ts";

/** Headscale that comes back without what it knew: no node is in its database, and no key of before is valid. */
const lab = useLab({ nodes: 2 });
const pods: { a: Pod; b: Pod } = {} as never;
const minutes = (count: number) => count * 60_000;
const server = { name: "headscale" } as const;

beforeAll(async () => {
  pods.a = await addPod(lab(), "n1", "a");
  pods.b = await addPod(lab(), "n2", "b");
  await startPodServer(lab(), pods.b);
});

afterEach(() => startService(lab(), server));

const talk = () =>
  waitUntil(
    async () =>
      (await execInPod(pods.a, ["ping", "-q", "-c", "1", "-W", "1", pods.b.address])).exitCode === 0,
    { what: "pods talk", timeoutMs: minutes(1) },
  );

async function filesOfHeadscale(...names: readonly string[]): Promise<readonly string[]> {
  const { folder } = lab().headscale;
  const found = (await readdir(folder)).filter((file) => names.some((name) => file.startsWith(name)));
  expect(found.length).toBeGreaterThanOrEqual(names.length);
  return found.map((file) => join(folder, file));
}

async function restartWithout(...names: readonly string[]): Promise<void> {
  await stopService(lab(), server);
  for (const file of await filesOfHeadscale(...names)) await rm(file);
  await startService(lab(), server);
}

/** Waits until the node says on /ready that Headscale does not know it and refuses its key. */
async function untilForgotten(name: string): Promise<void> {
  const reasons = async () => (await readyPage(nodeOf(lab(), name)))?.reasons ?? [];
  await waitUntil(
    async () =>
      (await reasons()).some(
        (reason) =>
          reason.includes("no longer knows this node") &&
          reason.includes("refuses another login (invalid pre auth key)") &&
          reason.includes("headscale.authKeyFile"),
      ),
    {
      what: `${name} names the cause`,
      timeoutMs: minutes(1),
      explain: async () => `${(await reasons()).join("; ")}\n${await tailOf(nodeOf(lab(), name).logFile)}`,
    },
  );
}

/** Gives the new Headscale what it had on the first day. Pods of different nodes may be silent for some seconds meanwhile. */
async function newKeyHeals(): Promise<void> {
  const returning = await startProbe(pods.a, pods.b.address, 20);
  await bootstrapHeadscale(lab());
  await Promise.all(lab().nodes.map((each) => waitForDaemon(lab(), each, minutes(2))));
  await talk();
  const silence = longestSilence(await returning.stop());
  console.info(`longest silence while nodes register anew: ${silence} ms`);
  expect(silence).toBeLessThan(10_000);
}

const nodeId = async (name: string) => {
  const status = await tailscaledStatus(nodeOf(lab(), name).tailscaledSocket);
  return (status as unknown as { readonly Self: { readonly ID: string } }).Self.ID;
};

/** What `doctor` found of one thing on n1. */
async function doctorOf(node: LabNode): Promise<(id: string) => string | undefined> {
  type Report = { readonly findings: readonly { readonly id: string; readonly found: string }[] };
  const { findings } = await ctlDocument<Report>(lab(), node, ["doctor"]);
  return (id) => findings.find((finding) => finding.id === id)?.found;
}

test(
  "Headscale's database comes back from a backup: the nodes are those of before, without another registration",
  async () => {
    await talk();
    const ids = [await nodeId("n1"), await nodeId("n2")];
    await stopService(lab(), server);
    const backup = join(lab().folder, "backup");
    await mkdir(backup);
    for (const file of await filesOfHeadscale("db.sqlite"))
      await cp(file, join(backup, file.slice(lab().headscale.folder.length + 1)));
    await restartWithout("db.sqlite");
    await Promise.all([untilForgotten("n1"), untilForgotten("n2")]);
    // A tailscaled that starts meanwhile is logged out from the start, and its node says that and not that it exited. Not where a
    // new registration comes before or after it: where that swaps addresses, tailscaled 1.102 keeps its peer's former disco key.
    const node = nodeOf(lab(), "n1");
    await killService(lab(), { name: "tailscaled", node: "n1" });
    await waitUntil(
      async () => (await readyPage(node))?.reasons.includes("the tailnet is down: NEEDS_LOGIN") ?? false,
      { what: "n1 says that it is logged out", timeoutMs: minutes(1) },
    );
    expect((await runCtl(lab(), node, ["status"])).stdout).toContain("the tailnet is down: NEEDS_LOGIN");
    await stopService(lab(), server);
    for (const file of await filesOfHeadscale("db.sqlite")) await rm(file);
    await cp(backup, lab().headscale.folder, { recursive: true });
    await startService(lab(), server);
    await Promise.all(lab().nodes.map((each) => waitForDaemon(lab(), each, minutes(4))));
    await talk();
    expect([await nodeId("n1"), await nodeId("n2")]).toEqual(ids);
    const nodes = JSON.parse(await headscale(lab(), ["nodes", "list", "-o", "json"])) as readonly unknown[];
    expect(nodes).toHaveLength(2);
  },
  minutes(8),
);

test(
  "Headscale lost its database: nodes say so and what to do, pods lose nothing meanwhile, and a new key heals",
  async () => {
    await talk();
    const probe = await startProbe(pods.a, pods.b.address, 20);
    await restartWithout("db.sqlite");
    await Promise.all([untilForgotten("n1"), untilForgotten("n2")]);
    const node = nodeOf(lab(), "n1");
    expect(await readyPage(node)).toMatchObject({ serving: true, state: "degraded" });
    const state = "needsLogin.forgotten";
    expect(await metric(node, "headcni_machines", { machine: "tailnet", state })).toBe(1);
    const status = await runCtl(lab(), node, ["status"]);
    expect(status.stdout).toMatch(/Tailnet +login refused: invalid pre auth key/);
    expect(status.stdout).toMatch(/Headscale +answers, but does not know this node/);
    const found = await doctorOf(node);
    expect(found("tailnet.daemon")).toContain("Headscale no longer knows this node");
    expect(found("tailnet.login")).toContain("on its last network map as n1");

    // A daemon that starts meanwhile finds the same, and new pods get their network.
    await killService(lab(), { name: "daemon", node: "n1" });
    await startService(lab(), { name: "daemon", node: "n1" });
    await untilForgotten("n1");
    await addPod(lab(), "n1", "late");
    await deletePod(lab(), "late");
    const report = await probe.stop();
    expect(report).toEqual({ ...report, received: report.sent });
    await newKeyHeals();
  },
  minutes(5),
);

test(
  "Headscale lost its private key, too: nodes say the same, and a new key heals",
  async () => {
    await talk();
    await restartWithout("db.sqlite", "noise.key");
    await Promise.all([untilForgotten("n1"), untilForgotten("n2")]);
    await newKeyHeals();
  },
  minutes(5),
);
