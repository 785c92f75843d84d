import { copyFile, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { leavingLinkGroup } from "../../src/domain/kernel/kernel-constants.ts";
import { startDaemon, waitForDaemon } from "../lab/headcni/daemon.ts";
import { liveMachines, type MachineRow, readyPage } from "../lab/headcni/daemon-pages.ts";
import { runCtl } from "../lab/headcni/run-ctl.ts";
import { startWire } from "../lab/headcni/wire.ts";
import { nodeOf } from "../lab/lab-store.ts";
import type { LabNode } from "../lab/lab-types.ts";
import { netnsPrefix } from "../lab/layout.ts";
import { addNetns, netnsPath, removeNetns } from "../lab/network/netns.ts";
import { addPod, deletePod } from "../lab/pods.ts";
import { endProcess, startProcess } from "../lab/processes/processes.ts";
import { run } from "../lab/run-command.ts";
import { killService, pauseService, resumeService, startService, stopService } from "../lab/services.ts";
import { headscale } from "../lab/tailnet/headscale.ts";
import { tailscaledStatus } from "../lab/tailnet/local-api.ts";
import { waitUntil } from "../lab/wait-until.ts";
import { evaluateInDaemon, passMinuteInDaemon } from "./support/daemon-debugger.ts";
import { intruder } from "./support/intruder.ts";
import { callPlugin } from "./support/plugin-call.ts";
import { repeat } from "./support/repeat.ts";
import { useLab } from "./support/use-lab.ts";
import { startPrometheus, untilQuiet, untilRings, untilSilent } from "./support/views/prometheus.ts";

/**
 * Every fault is real, and so are Prometheus and the rules; only how long a condition must hold is shorter. What a rule counts over
 * minutes falls silent in promtool's cases alone (test/deploy/alerts).
 */
const minutes = (count: number) => count * 60_000;
/** n3 is the intruder's. */
const lab = useLab({ nodes: 3, approval: "api", config: { "ipam.restSeconds": 1 } });
const node = (): LabNode => nodeOf(lab(), "n1");
const own = (file: string) => join(node().folder, file);
const daemon = { name: "daemon", node: "n1" } as const;
const tailscaled = { name: "tailscaled", node: "n1" } as const;
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
    // Headscale 0.29 tells that to all but the node itself, unless it joins anew: else a proof shows it, within a minute.
    await killService(lab(), tailscaled);
    const [refused, unapproved] = await Promise.all([
      untilRings(node(), "HeadcniHeadscaleRefused", { severity: "critical", machine: "headscale" }),
      untilRings(node(), "HeadcniRouteNotApproved", { severity: "critical", machine: "ownRoute" }),
    ]);
    expect(refused.annotations["summary"]).toContain("Headscale rejects the API key: headscale on 127.0.0.1");
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
    const away = await untilRings(node(), "HeadcniHeadscaleUnreachable", {
      machine: "headscale",
      severity: "warning",
    });
    expect(away.annotations["description"]).toContain("Headscale is unreachable; running pods keep working");
    await startService(lab(), { name: "headscale" });
    await untilSilent(node(), ["HeadcniHeadscaleUnreachable"]);
  },
  minutes(6),
);

test(
  "a tailscaled that cannot be started",
  async () => {
    await rm(own("tailscaled"));
    await symlink("/bin/false", own("tailscaled"));
    await killService(lab(), tailscaled);
    await untilRings(node(), "HeadcniTailnetDown", { machine: "tailscaled", severity: "critical" });
    await rm(own("tailscaled"));
    await symlink(lab().tools.tailscaled, own("tailscaled"));
    await untilSilent(node(), ["HeadcniTailnetDown"], { machine: "tailscaled" });
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

test(
  "somebody else who announces a slice of another node's prefix, a runtime whose sandbox already has an eth0, and a tailscaled that hangs",
  async () => {
    const slice = nodeOf(lab(), "n2").podCIDR.replace(/\/\d+$/, "/25");
    const { leave } = await intruder(lab(), nodeOf(lab(), "n3"), "slicer", slice);
    await approve(slice);
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    const sandbox = `${netnsPrefix(lab().id)}p-taken`;
    await addNetns(sandbox);
    onTestFinished(() => removeNetns(sandbox));
    await run(["ip", "-n", sandbox, "link", "add", "eth0", "type", "veth", "peer", "name", "other"]);
    const failing = ["t1", "t2", "t3", "t4"].map((containerId) =>
      repeat(stop.signal, () =>
        callPlugin(node(), { command: "ADD", containerId, netns: netnsPath(sandbox) }),
      ),
    );
    const [conflict, errors] = await Promise.all([
      untilRings(node(), "HeadcniPrefixConflict", { severity: "critical", prefix: slice }),
      untilRings(node(), "HeadcniNetworkErrors", { error_type: "IFNAME_TAKEN", severity: "warning" }),
    ]);
    await pauseService(lab(), tailscaled);
    onTestFinished(() => resumeService(lab(), tailscaled));
    const hangs = ({ machine, state, sinceMs }: MachineRow) =>
      machine === "tailnetFeed" && state.startsWith("open.looking") && sinceMs > 1_000;
    await waitUntil(async () => (await liveMachines(node())).some(hangs), {
      what: "the daemon asks a tailscaled that does not answer",
      timeoutMs: minutes(2),
    });
    await passMinuteInDaemon(lab(), node());
    const stuck = await untilRings(
      node(),
      "HeadcniMachineStuck",
      { machine: "tailnetFeed", severity: "warning" },
      { summary: /has been in open\.looking for / },
    );
    await resumeService(lab(), tailscaled);
    expect(conflict.annotations["summary"]).toContain(`the wrong machine announces the prefix ${slice}`);
    expect(errors.annotations["summary"]).toContain("IFNAME_TAKEN on 127.0.0.1");
    expect(stuck.annotations["summary"]).toMatch(
      /tailnetFeed on 127\.0\.0\.1:\d+ has been in open\.looking for /,
    );
    stop.abort();
    await Promise.all(failing);
    await leave();
    await untilSilent(node(), ["HeadcniPrefixConflict", "HeadcniMachineStuck"]);
  },
  minutes(8),
);

test(
  "a link among those of deleted pods that the kernel does not delete",
  async () => {
    const sandbox = `${netnsPrefix(lab().id)}p-kept`;
    await addNetns(sandbox);
    onTestFinished(() => removeNetns(sandbox));
    const pod = { containerId: "kept", netns: netnsPath(sandbox) };
    expect(await callPlugin(node(), { command: "ADD", ...pod })).toMatchObject({ exitCode: 0 });
    // Links of a group are deleted all or none, and the kernel never deletes a loopback link.
    const loopbackInGroup = (group: number) =>
      run(["ip", "-n", node().netns, "link", "set", "dev", "lo", "group", String(group)]);
    onTestFinished(async () => void (await loopbackInGroup(0)));
    await loopbackInGroup(leavingLinkGroup);
    expect(await callPlugin(node(), { command: "DEL", ...pod })).toMatchObject({ exitCode: 0 });
    await passMinuteInDaemon(lab(), node());
    const alert = await untilRings(node(), "HeadcniPodNotRemoved", {
      severity: "warning",
      machine: "pod",
      state: "detaching",
    });
    expect(alert.annotations["summary"]).toMatch(
      /pod on 127\.0\.0\.1:\d+ has been in detaching for 1m .*, now in detaching\.releasing/,
    );
    const status = await runCtl(lab(), node(), ["status"]);
    expect(status.stdout).toMatch(/1 stuck or failed:\n +pod \S+\/eth0 in detaching for 1 min/);
    const machines = await runCtl(lab(), node(), ["machines", "--stuck"]);
    expect(machines.stdout).toMatch(/pod +detaching \(now releasing\) +1 min +1 min/);
    expect(machines.exitCode).toBe(1);
    await loopbackInGroup(0);
    await untilSilent(node(), ["HeadcniPodNotRemoved"]);
  },
  minutes(8),
);

test(
  "a socket that cannot be made, a headcni-wire that is not there, and a configuration whose folder goes",
  async () => {
    await stopService(lab(), daemon);
    await killService(lab(), wire);
    await rm(node().cniSocket, { force: true });
    await mkdir(join(node().cniSocket, "in-the-way"), { recursive: true });
    await mkdir(own("etc"));
    const configFile = join(own("etc"), "config.json");
    await copyFile(node().configFile, configFile);
    await startDaemon(lab(), { ...node(), configFile });
    const [down] = await Promise.all([
      untilRings(node(), "HeadcniCniSocketDown", { machine: "cni", severity: "critical" }),
      untilRings(
        node(),
        "HeadcniTailnetDown",
        { machine: "tailscaled", severity: "critical" },
        { timeoutMs: minutes(4) },
      ),
    ]);
    expect(down.annotations["description"]).toContain("the CNI socket cannot be bound");
    await rename(own("etc"), own("etc-gone"));
    await untilRings(node(), "HeadcniConfigUnread", { machine: "config", severity: "warning" });

    await rename(own("etc-gone"), own("etc"));
    await rm(node().cniSocket, { recursive: true });
    await untilSilent(node(), ["HeadcniConfigUnread", "HeadcniCniSocketDown"]);
    await stopService(lab(), daemon);
    await startService(lab(), wire);
    await startService(lab(), daemon);
    await waitForDaemon(lab(), node(), minutes(2));
    await untilSilent(node(), ["HeadcniTailnetDown"], { machine: "tailscaled" });
  },
  minutes(10),
);

test(
  "a tailscaled that ends as soon as headcni-wire has started it",
  async () => {
    const config = JSON.parse(await readFile(node().configFile, "utf8")) as { readonly tailscale: object };
    const configFile = own("ending-tailscaled.json");
    const binary = "/bin/false";
    await writeFile(configFile, JSON.stringify({ ...config, tailscale: { ...config.tailscale, binary } }));
    await stopService(lab(), wire);
    await startWire(lab(), { ...node(), configFile });
    const down = await untilRings(
      node(),
      "HeadcniTailnetDown",
      { machine: "wire", severity: "critical" },
      { summary: /wire on 127\.0\.0\.1:\d+ is in (fallen|backingOff|serving\.starting)/ },
    );
    expect(down.annotations["description"]).toContain("backingOff: tailscaled does not stay up");
    const status = await runCtl(lab(), node(), ["machines"]);
    expect(status.stdout).toMatch(/wire +(fallen|backingOff|serving\.starting)/);

    await stopService(lab(), wire);
    await startService(lab(), wire);
    await waitForDaemon(lab(), node(), minutes(2));
    await untilSilent(node(), ["HeadcniTailnetDown"]);
  },
  minutes(8),
);

/** Throws once, in the middle of what the observer does with a step of a machine (src/observe/machines/machine-observer.ts). */
const observerFault = `(() => {
  const { get } = Map.prototype;
  Map.prototype.get = function (key) {
    if (!/ stepped /.test(new Error().stack.split("\\n")[2])) return get.call(this, key);
    Map.prototype.get = get;
    throw new Error("a fault made by the test");
  };
})()`;

test(
  "a fault in the daemon's own observer, made in the running daemon by Node's debugger",
  async () => {
    await evaluateInDaemon(lab(), node(), observerFault);
    const disabled = await untilRings(node(), "HeadcniObserverDisabled", { severity: "warning" });
    expect(disabled.annotations["summary"]).toContain("no longer observes its machines");
    expect(await readFile(node().logFile, "utf8")).toContain("a fault made by the test");
    // Pods are served as before, and a restart repairs it: what its page says.
    await addPod(lab(), "n1", "unobserved");
    await deletePod(lab(), "unobserved");
    await stopService(lab(), daemon);
    await startService(lab(), daemon);
    await waitForDaemon(lab(), node(), minutes(2));
    await untilSilent(node(), ["HeadcniObserverDisabled"]);
  },
  minutes(8),
);

test(
  "a new node whose auth key Headscale does not take",
  async () => {
    const { Self } = (await tailscaledStatus(node().tailscaledSocket)) as unknown as {
      readonly Self: { readonly ID: string };
    };
    await stopService(lab(), daemon);
    await stopService(lab(), wire);
    await headscale(lab(), ["nodes", "delete", "-i", Self.ID, "--force"]);
    for (const name of await readdir(node().cniConfDir)) await rm(join(node().cniConfDir, name));
    await rm(node().stateDir, { recursive: true });
    const config = JSON.parse(await readFile(node().configFile, "utf8")) as {
      readonly headscale: object;
    };
    const authKeyFile = own("auth.key");
    await writeFile(authKeyFile, "0123456789abcdef0123456789abcdef0123456789abcdef");
    await writeFile(
      node().configFile,
      JSON.stringify({ ...config, headscale: { ...config.headscale, authKeyFile } }),
    );
    await startService(lab(), wire);
    await startService(lab(), daemon);
    const [notLoggedIn] = await Promise.all([
      untilRings(node(), "HeadcniNotLoggedIn", { machine: "tailnetLogin", severity: "critical" }),
      untilRings(
        node(),
        "HeadcniUnproven",
        { machine: "readiness", severity: "critical" },
        { summary: /is in awaitingProof/ },
      ),
    ]);
    expect(notLoggedIn.annotations["summary"]).toContain("the node is not in the tailnet: tailnetLogin on");
    await copyFile(lab().headscale.authKeyFile, authKeyFile);
    await waitForDaemon(lab(), node(), minutes(2));
    await untilSilent(node(), ["HeadcniNotLoggedIn", "HeadcniUnproven"]);
  },
  minutes(8),
);

async function peerName(): Promise<string> {
  const { Peer = {} } = (await tailscaledStatus(node().tailscaledSocket)) as unknown as {
    readonly Peer?: Readonly<Record<string, { readonly HostName: string }>>;
  };
  return Object.values(Peer).find(({ HostName }) => HostName.includes("n2"))?.HostName ?? "n2";
}

/** Has Headscale let a machine that is no node serve the prefix that it announces. */
async function approve(prefix: string): Promise<void> {
  const announced = async () => {
    const rows = JSON.parse(await headscale(lab(), ["nodes", "list-routes", "-o", "json"])) as readonly {
      readonly id: number;
      readonly available_routes?: readonly string[];
    }[];
    return rows.find(({ available_routes }) => available_routes?.includes(prefix))?.id;
  };
  const id = await waitUntil(announced, { what: `Headscale hears of ${prefix}`, timeoutMs: 60_000 });
  await headscale(lab(), ["nodes", "approve-routes", "-i", String(id), "-r", prefix]);
}
