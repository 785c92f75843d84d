import { copyFile, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { waitForDaemon } from "../lab/daemon.ts";
import { readyPage } from "../lab/daemon-pages.ts";
import { headscale } from "../lab/headscale.ts";
import { nodeOf } from "../lab/lab-store.ts";
import type { LabNode } from "../lab/lab-types.ts";
import { tailscaledStatus } from "../lab/local-api.ts";
import { addPod, deletePod } from "../lab/pods.ts";
import { endProcess, startProcess } from "../lab/processes.ts";
import { killService, startService, stopService } from "../lab/services.ts";
import { waitUntil } from "../lab/wait-until.ts";
import { startPrometheus, untilQuiet, untilRings, untilSilent } from "./support/prometheus.ts";
import { repeat } from "./support/repeat.ts";
import { useLab } from "./support/use-lab.ts";

/**
 * Every fault is real, and so are Prometheus and the rules; only how long a condition must hold is shorter. What a rule counts over
 * minutes falls silent in promtool's cases alone (test/deploy/alerts).
 */
const minutes = (count: number) => count * 60_000;
const lab = useLab({ nodes: 2, approval: "api", config: { "ipam.restSeconds": 1 } });
const node = (): LabNode => nodeOf(lab(), "n1");
const own = (file: string) => join(node().folder, file);
const daemon = { name: "daemon", node: "n1" } as const;
const wire = { name: "wire", node: "n1" } as const;

/** n1 has files of its own to break: its key, its tailscaled, and a pod CIDR that five pods fill. */
beforeAll(async () => {
  await stopService(lab(), daemon);
  await stopService(lab(), wire);
  await copyFile(lab().headscale.apiKeyFile, own("api.key"));
  await symlink(lab().tools.tailscaled, own("tailscaled"));
  await changeConfig((config) => {
    Object.assign(config.headscale, { apiKeyFile: own("api.key") });
    Object.assign(config.tailscale, { binary: own("tailscaled") });
    Object.assign(config.network, { nodePodCIDR: "10.244.1.0/29" });
  });
  await startService(lab(), wire);
  await startService(lab(), daemon);
  await waitForDaemon(lab(), node(), minutes(2));
  await startPrometheus(lab(), node());
}, minutes(10));

interface Sections {
  readonly headscale: object;
  readonly tailscale: object;
  readonly network: object;
}

async function changeConfig(change: (config: Sections) => void): Promise<void> {
  const config = JSON.parse(await readFile(node().configFile, "utf8")) as Sections;
  change(config);
  await writeFile(node().configFile, JSON.stringify(config));
}

test(
  "nothing fires on a node that is well",
  async () => {
    await untilQuiet(node());
  },
  minutes(4),
);

test(
  "a wrong API key, a route that nobody approves, a full pool and calls that fail",
  async () => {
    const { Self } = (await tailscaledStatus(node().tailscaledSocket)) as unknown as {
      readonly Self: { readonly ID: string };
    };
    const key = await readFile(own("api.key"), "utf8");
    onTestFinished(() => writeFile(own("api.key"), key));
    await writeFile(own("api.key"), `${key.trim()}x`);
    await headscale(lab(), ["nodes", "approve-routes", "-i", Self.ID, "-r", ""]);
    const [refused, unapproved] = await Promise.all([
      untilRings(node(), "HeadcniHeadscaleRefused", { severity: "critical", machine: "headscale" }),
      untilRings(node(), "HeadcniRouteNotApproved", { severity: "critical", machine: "ownRoute" }),
    ]);
    expect(refused.annotations["summary"]).toContain(
      "Headscale does not take the API key: headscale on 127.0.0.1",
    );
    expect(refused.annotations["summary"]).toContain(" is in refused, for more than 30 s");
    expect(refused.annotations["description"]).toContain("replace the key file");
    expect(unapproved.annotations["summary"]).toMatch(/is in awaitingApproval\.\w+/);
    expect(unapproved.annotations["runbook_url"]).toContain("docs/runbooks/HeadcniRouteNotApproved.md");

    const names = ["p1", "p2", "p3", "p4", "p5"];
    for (const name of names) {
      await addPod(lab(), "n1", name);
      onTestFinished(() => deletePod(lab(), name).catch(() => undefined));
    }
    await untilRings(node(), "HeadcniPoolFull");
    const stop = new AbortController();
    // Refused for want of an address; the namespace that was made for it goes again.
    const failing = repeat(stop.signal, () => addPod(lab(), "n1", "toomany"));
    await Promise.all([
      untilRings(node(), "HeadcniPoolNearlyFull"),
      untilRings(node(), "HeadcniCniCallsFail", { command: "ADD" }),
      untilRings(node(), "HeadcniRouteNotServing"),
      untilRings(node(), "HeadcniDegraded", { machine: "health" }),
    ]);
    stop.abort();
    await failing;

    await writeFile(own("api.key"), key);
    for (const name of names) await deletePod(lab(), name);
    await untilSilent(node(), [
      "HeadcniHeadscaleRefused",
      "HeadcniRouteNotApproved",
      "HeadcniRouteNotServing",
      "HeadcniPoolFull",
      "HeadcniPoolNearlyFull",
      "HeadcniDegraded",
    ]);
  },
  minutes(10),
);

test(
  "another program that undoes the guard's repairs, a peer that is gone, and a configuration that does not hold",
  async () => {
    await stopService(lab(), { name: "daemon", node: "n2" });
    await killService(lab(), { name: "wire", node: "n2" });
    const config = await readFile(node().configFile, "utf8");
    await writeFile(node().configFile, JSON.stringify({ ...(JSON.parse(config) as object), nonsense: true }));
    const vandal = await startProcess(lab().processFolder, {
      name: "vandal",
      netns: node().netns,
      command: ["sh", "-c", "while :; do ip rule del pref 5190 2>/dev/null; sleep 0.05; done"],
      env: {},
      logFile: own("vandal.log"),
    });
    const [fighting] = await Promise.all([
      untilRings(node(), "HeadcniGuardFighting", { machine: "guard" }),
      untilRings(node(), "HeadcniGuardRepairsRepeat"),
      untilRings(node(), "HeadcniConfigRefused"),
      untilRings(node(), "HeadcniPeerWithoutPath", { peer: await peerName() }),
      untilRings(node(), "HeadcniPeerRouteLost", { prefix: nodeOf(lab(), "n2").podCIDR }),
    ]);
    expect(fighting.annotations["summary"]).toMatch(/guard on 127\.0\.0\.1:\d+ is in \w+/);
    await endProcess(vandal);
    await writeFile(node().configFile, config);
    await startService(lab(), { name: "wire", node: "n2" });
    await startService(lab(), { name: "daemon", node: "n2" });
    await untilSilent(node(), [
      "HeadcniGuardFighting",
      "HeadcniConfigRefused",
      "HeadcniPeerWithoutPath",
      "HeadcniPeerRouteLost",
    ]);
  },
  minutes(8),
);

test(
  "Headscale away",
  async () => {
    onTestFinished(() => startService(lab(), { name: "headscale" }));
    await killService(lab(), { name: "headscale" });
    const away = await untilRings(node(), "HeadcniHeadscaleAway", {
      machine: "headscale",
      severity: "warning",
    });
    expect(away.annotations["description"]).toContain("Headscale is away; what runs keeps running");
    await startService(lab(), { name: "headscale" });
    await untilSilent(node(), ["HeadcniHeadscaleAway"]);
  },
  minutes(6),
);

test(
  "a tailscaled that cannot be started",
  async () => {
    await rm(own("tailscaled"));
    await symlink("/bin/false", own("tailscaled"));
    await killService(lab(), { name: "tailscaled", node: "n1" });
    await untilRings(node(), "HeadcniTailnetDown", { machine: "tailscaled", severity: "critical" });
    await rm(own("tailscaled"));
    await symlink(lab().tools.tailscaled, own("tailscaled"));
    await untilSilent(node(), ["HeadcniTailnetDown"]);
  },
  minutes(6),
);

test(
  "a daemon that is down, and one that is started again and again",
  async () => {
    await killService(lab(), daemon);
    await untilRings(node(), "HeadcniDown");
    const stop = new AbortController();
    const restarting = repeat(stop.signal, async () => {
      await startService(lab(), daemon);
      await waitUntil(() => readyPage(node()), { what: "the daemon answers", timeoutMs: 30_000 });
      // Prometheus looks every second.
      await delay(2000);
      await killService(lab(), daemon);
    });
    await untilRings(node(), "HeadcniRestarting");
    stop.abort();
    await restarting;
    await startService(lab(), daemon);
    await waitForDaemon(lab(), node(), minutes(2));
    await untilSilent(node(), ["HeadcniDown"]);
  },
  minutes(8),
);

async function peerName(): Promise<string> {
  const { Peer = {} } = (await tailscaledStatus(node().tailscaledSocket)) as unknown as {
    readonly Peer?: Readonly<Record<string, { readonly HostName: string }>>;
  };
  return Object.values(Peer).find(({ HostName }) => HostName.includes("n2"))?.HostName ?? "n2";
}
