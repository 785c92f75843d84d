import { readdir, readFile } from "node:fs/promises";
import { expect, onTestFinished, test } from "vitest";
import { waitForDaemon } from "../lab/headcni/daemon.ts";
import { nodeOf } from "../lab/lab-store.ts";
import type { LabNode } from "../lab/lab-types.ts";
import { addPod, deletePod, execInPod, type Pod } from "../lab/pods.ts";
import { type CommandLine, run } from "../lab/run-command.ts";
import { killService, type Service, serviceProcess } from "../lab/services.ts";
import { execOnSystemd, rebootSystemd, waitForSystemd } from "../lab/systemd/systemd-node.ts";
import { startPodServer, startProbe } from "../lab/traffic/traffic.ts";
import { waitUntil } from "../lab/wait-until.ts";
import { expectCleanNode } from "./support/clean-node.ts";
import { useLab } from "./support/use-lab.ts";

/** n1 is run by a real systemd and has HeadCNI's files on its disk; n2 is an ordinary node of the lab. */
const lab = useLab({ nodes: 2, systemd: ["n1"] });
const units = ["headcni-wire", "headcni"];
const pods: { a: Pod; b: Pod } = {} as never;
const daemon = { name: "daemon", node: "n1" } as const;
const wire = { name: "wire", node: "n1" } as const;
const tailscaled = { name: "tailscaled", node: "n1" } as const;

const node = (): LabNode => nodeOf(lab(), "n1");
const onNode = (...command: CommandLine) => execOnSystemd(lab(), node(), command);
const ready = () => waitForDaemon(lab(), node(), 120_000);
const reaches = async (from: Pod, to: Pod) =>
  (await execInPod(from, ["ping", "-q", "-c", "1", "-W", "1", to.address])).exitCode === 0;
const podsTalk = () =>
  waitUntil(async () => (await reaches(pods.a, pods.b)) && (await reaches(pods.b, pods.a)), {
    what: "pods of both nodes talk",
    timeoutMs: 60_000,
  });
const property = async (unit: string, name: string) =>
  (await onNode("systemctl", "show", "-P", name, unit)).stdout.trim();
const expectRunning = async () => {
  for (const unit of units) expect(await property(unit, "ActiveState")).toBe("active");
  await waitForSystemd(lab(), node());
};
const journal = async () => (await onNode("journalctl", "--no-pager", "-n", "40", "-o", "cat")).stdout;

/** No datagram of a running pod is lost while `change` happens and until the daemon is ready again. */
async function losesNothing(change: () => Promise<unknown>): Promise<void> {
  const before = await serviceProcess(lab(), tailscaled);
  expect(before).toBeDefined();
  const probe = await startProbe(pods.a, pods.b.address, 5);
  // One that is left behind would keep the test file from ending.
  onTestFinished(async () => void (await probe.stop()));
  await change();
  await ready();
  const { sent, received } = await probe.stop();
  expect(received).toBe(sent);
  expect(await serviceProcess(lab(), tailscaled)).toEqual(before);
}

/** Kills a program and waits until another has been started in its place. */
async function killOnce(service: Service): Promise<void> {
  const before = await serviceProcess(lab(), service);
  expect(before).toBeDefined();
  await killService(lab(), service);
  await waitUntil(
    async () => {
      const now = await serviceProcess(lab(), service);
      return now !== undefined && now.pid !== before?.pid;
    },
    { what: `${service.name} is started again`, timeoutMs: 60_000, explain: journal },
  );
}

async function expectUninstall(): Promise<void> {
  await deletePod(lab(), "a");
  const removed = await onNode("headcnictl", "uninstall", "--yes");
  expect(removed, removed.stdout + removed.stderr).toMatchObject({ exitCode: 0 });
  expect(removed.stdout).toContain(`withdrew the routes: ${node().podCIDR}`);
  expect(removed.stdout).toContain("ended headcni-wire and tailscaled");
  expect(removed.stdout).toContain("nothing of HeadCNI is left");
  await expectCleanNode(node());
  expect(await readdir(node().runtimeDir)).toEqual([]);
  expect(await readdir(node().stateDir)).toEqual([]);
  for (const list of ["list-units", "list-unit-files"])
    expect((await onNode("systemctl", list, "--all", "--plain", "--no-legend", "headcni*")).stdout).toBe("");
  expect((await onNode("pgrep", "-l", "tailscaled|node")).stdout).toBe("");
  await waitForSystemd(lab(), node());
}

test("headcnictl install writes the units, starts them, and the node joins and attaches pods", async () => {
  const installed = await onNode("headcnictl", "install");
  expect(installed, installed.stdout + installed.stderr).toMatchObject({ exitCode: 0 });
  expect(installed.stdout).toContain("the daemon serves pods");
  await ready();
  await expectRunning();
  for (const unit of units) expect(await property(unit, "UnitFileState")).toBe("enabled");
  pods.a = await addPod(lab(), "n1", "a");
  pods.b = await addPod(lab(), "n2", "b");
  await startPodServer(lab(), pods.b);
  await podsTalk();
});

test("systemctl restart headcni loses no packet of a running pod, and keeps tailscaled", async () => {
  await losesNothing(() => onNode("systemctl", "restart", "headcni"));
  await expectRunning();
});

test("systemctl stop headcni loses none either, however long it lasts", async () => {
  await losesNothing(async () => {
    await onNode("systemctl", "stop", "headcni");
    expect(await property("headcni", "ActiveState")).toBe("inactive");
    await podsTalk();
    await onNode("systemctl", "start", "headcni");
  });
});

test("systemd starts a killed daemon again, as often as it is killed", async () => {
  // Five starts within ten seconds are where systemd gives up if nothing tells it otherwise (systemd.unit(5)).
  await losesNothing(async () => {
    for (let kill = 0; kill < 7; kill += 1) await killOnce(daemon);
  });
  expect(Number(await property("headcni", "NRestarts"))).toBe(7);
  await addPod(lab(), "n1", "later");
  await deletePod(lab(), "later");
});

test.each([tailscaled, wire])("a killed $name comes back, and the pods with it", async (service) => {
  await killOnce(service);
  await podsTalk();
  await ready();
});

test("all comes back by itself after a reboot", async () => {
  await rebootSystemd(lab(), node());
  await ready();
  await expectRunning();
  // Its veth went with the machine, as a pod does.
  await run(["ip", "netns", "del", pods.a.netns]);
  pods.a = await addPod(lab(), "n1", "a");
  await podsTalk();
});

test("headcnictl install may be repeated: nothing is restarted", async () => {
  await losesNothing(async () => {
    const before = await serviceProcess(lab(), daemon);
    expect(await onNode("headcnictl", "install")).toMatchObject({ exitCode: 0 });
    expect(await serviceProcess(lab(), daemon)).toEqual(before);
  });
});

test("a unit that somebody changed is put right, and the daemon restarted by it", async () => {
  const change = "sed -i s/LimitNOFILE=65536/LimitNOFILE=1024/ /etc/systemd/system/headcni*.service";
  expect(await onNode("sh", "-c", `${change} && systemctl daemon-reload`)).toMatchObject({ exitCode: 0 });
  await losesNothing(async () => {
    const before = await serviceProcess(lab(), daemon);
    const { exitCode, stdout } = await onNode("headcnictl", "install");
    expect(exitCode, stdout).toBe(0);
    expect(stdout).toContain("headcni-wire runs by its old unit");
    expect(await property("headcni", "LimitNOFILE")).toBe("65536");
    expect(await serviceProcess(lab(), daemon)).not.toEqual(before);
  });
});

test("headcnictl uninstall leaves nothing, and systemd nothing to complain about", expectUninstall);

test("the units as they are delivered do the same, put in place by hand", async () => {
  // Its old registration still holds the prefix: Headscale moves it to the new one, and the node has itself told so.
  const units = "/opt/headcni/systemd";
  const copied = await onNode(
    "cp",
    `${units}/headcni.service`,
    `${units}/headcni-wire.service`,
    "/etc/systemd/system",
  );
  expect(copied).toMatchObject({ exitCode: 0 });
  expect(await onNode("systemctl", "enable", "--now", "headcni-wire", "headcni")).toMatchObject({
    exitCode: 0,
  });
  await ready();
  await expectRunning();
  pods.a = await addPod(lab(), "n1", "a");
  await podsTalk();
  for (const service of [daemon, wire, tailscaled]) {
    const status = await readFile(`/proc/${(await serviceProcess(lab(), service))?.pid}/status`, "utf8");
    expect(status).toMatch(/^CapEff:\s+0000000000203000$/m);
  }
  await losesNothing(() => onNode("systemctl", "restart", "headcni"));
  await expectUninstall();
});
