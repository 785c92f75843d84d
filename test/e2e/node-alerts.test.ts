import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { leavingLinkGroup } from "../../src/domain/kernel-constants.ts";
import { startDaemon, waitForDaemon } from "../lab/daemon.ts";
import { headscale } from "../lab/headscale.ts";
import { nodeOf } from "../lab/lab-store.ts";
import type { LabNode } from "../lab/lab-types.ts";
import { netnsPrefix } from "../lab/layout.ts";
import { tailscaledStatus } from "../lab/local-api.ts";
import { addNetns, netnsPath, removeNetns } from "../lab/netns.ts";
import { addPod, deletePod } from "../lab/pods.ts";
import { run } from "../lab/run-command.ts";
import { runCtl } from "../lab/run-ctl.ts";
import { killService, pauseService, resumeService, startService, stopService } from "../lab/services.ts";
import { startWire } from "../lab/wire.ts";
import { evaluateInDaemon, passMinuteInDaemon } from "./support/daemon-debugger.ts";
import { intruder } from "./support/intruder.ts";
import { callPlugin } from "./support/plugin-call.ts";
import { startPrometheus, untilQuiet, untilRings, untilSilent } from "./support/prometheus.ts";
import { repeat } from "./support/repeat.ts";
import { useLab } from "./support/use-lab.ts";

/** As in alerts.test.ts: real faults, a real Prometheus, shorter rules. n3 is the intruder's. */
const minutes = (count: number) => count * 60_000;
const lab = useLab({ nodes: 3 });
const node = (): LabNode => nodeOf(lab(), "n1");
const own = (file: string) => join(node().folder, file);
const daemon = { name: "daemon", node: "n1" } as const;
const tailscaled = { name: "tailscaled", node: "n1" } as const;
const wire = { name: "wire", node: "n1" } as const;

beforeAll(async () => {
  await startPrometheus(lab(), node());
  await untilQuiet(node());
}, minutes(6));

test(
  "somebody else who announces a slice of another node's prefix, a runtime whose sandbox already has an eth0, and a tailscaled that hangs",
  async () => {
    const slice = nodeOf(lab(), "n2").podCIDR.replace(/\/\d+$/, "/25");
    const { leave } = await intruder(lab(), nodeOf(lab(), "n3"), "slicer", slice);
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
    const stuck = await untilRings(node(), "HeadcniMachineStuck", {
      machine: "tailnetFeed",
      severity: "warning",
    });
    await resumeService(lab(), tailscaled);
    expect(conflict.annotations["summary"]).toContain(`the prefix ${slice} is announced by somebody`);
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
    await untilSilent(node(), ["HeadcniTailnetDown"]);
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

/** Throws once, in the middle of what the observer does with a step of a machine (src/observe/machine-observer.ts). */
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
    expect(disabled.annotations["summary"]).toContain("no longer watches its machines");
    expect(await readFile(node().logFile, "utf8")).toContain("a fault made by the test");
    // Pods are served as before, and a restart mends it: what its page says.
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
