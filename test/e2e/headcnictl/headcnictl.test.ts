import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { waitForDaemon } from "../../lab/headcni/daemon.ts";
import { daemonGet } from "../../lab/headcni/daemon-pages.ts";
import { nodeOf } from "../../lab/lab-store.ts";
import { inNetns } from "../../lab/network/netns.ts";
import { addPod, deletePod } from "../../lab/pods.ts";
import { run, runResult } from "../../lab/run-command.ts";
import { startService, stopService } from "../../lab/services.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { callPlugin } from "../support/plugin-call.ts";
import { type Night, replayElsewhere } from "../support/test-groups/replay-tests.ts";
import { useLab } from "../support/use-lab.ts";

/** The built headcnictl, as an operator runs it on a node. */
const lab = useLab({ nodes: 2 });
const node = () => nodeOf(lab(), "n1");
const daemon = { name: "daemon", node: "n1" } as const;
const kept: { night?: Night } = {};
const program = () => [process.execPath, join(lab().folder, "daemon", "headcnictl.mjs")] as const;

function headcnictl(words: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const command = [...program(), "--config", node().configFile, ...words] as const;
  return runResult(inNetns(node().netns, command), { env, timeoutMs: 120_000 });
}

async function document(words: readonly string[]) {
  const { stdout, exitCode } = await headcnictl([...words, "-o", "json"]);
  return { exitCode, ...JSON.parse(stdout) };
}

/** Waits until `status` ends with 0; what it says instead explains a failure. */
async function untilWell(): Promise<void> {
  let said = "";
  const isWell = async () => {
    const { exitCode, stdout, stderr } = await headcnictl(["status"]);
    said = `${exitCode}: ${stdout}${stderr}`;
    return exitCode === 0;
  };
  await waitUntil(isWell, {
    what: "status says that all is well",
    timeoutMs: 120_000,
    everyMs: 500,
    explain: () => said,
  });
}

test("status says in words and as JSON that the node works", async () => {
  await waitUntil(
    async () => (await headcnictl(["status"])).stdout.includes("1 of 1 peer routes installed"),
    { what: "the peer's route is installed", timeoutMs: 60_000, everyMs: 500 },
  );
  const human = await headcnictl(["status"]);
  expect(human.exitCode).toBe(0);
  expect(human.stdout).toMatch(/Ready +yes, and its routes are proven/);
  expect(human.stdout).toMatch(/own 10\.244\.1\.0\/24 serving/);
  for (const line of human.stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(100);
  const json = await document(["status"]);
  expect(json).toMatchObject({ exitCode: 0, apiVersion: "headcnictl/v1", kind: "Status", stuck: [] });
  expect(json.status).toMatchObject({
    node: "n1",
    readiness: { serving: true, state: "proven" },
    headscale: { connected: true, url: lab().headscale.url },
    tailscale: { backendState: "Running" },
  });
  expect(json.status.peers).toHaveLength(1);
});

test("machines lists them, filters them, and tells scripts whether one is ill", async () => {
  const all = await document(["machines"]);
  expect(all).toMatchObject({ exitCode: 0, kind: "Machines" });
  expect(all.machines.map(({ machine }: { machine: string }) => machine)).toEqual(
    expect.arrayContaining(["headcni", "pods", "guard", "tailscaled", "tailnet", "routes", "cni"]),
  );
  const some = await document(["machines", "--machine", "tailnet", "--state", "up"]);
  expect(some.machines).toHaveLength(1);
  expect((await headcnictl(["machines"])).stdout).toContain("MACHINE");
});

test("trace follows a pod's ADD and DEL by its address and container id", async () => {
  const pod = await addPod(lab(), "n1", "traced");
  const human = await headcnictl(["trace", pod.address]);
  expect(human.exitCode).toBe(0);
  for (const part of ["ADD", "attaching -> attached", "host side: link, alias, routes", "answer"])
    expect(human.stdout).toContain(part);
  const json = await document(["trace", pod.address]);
  const [call] = json.calls;
  expect(call).toMatchObject({ command: "ADD", outcome: "ok" });
  const attach = call.steps.find((step: { name?: string }) => step.name === "attach");
  const parts = attach.parts.reduce((sum: number, part: { ms: number }) => sum + part.ms, 0);
  expect(parts).toBeLessThanOrEqual(attach.ms + 0.01);
  await deletePod(lab(), "traced");
  const calls = (await document(["trace", call.containerId])).calls;
  expect(calls.map(({ command }: { command: string }) => command)).toEqual(["ADD", "DEL"]);
});

test("an unknown pod is not found, and the nearest is named", async () => {
  const [known] = (await document(["trace"])).calls;
  const ran = await headcnictl(["trace", `${known.containerId}x`]);
  expect(ran).toMatchObject({
    exitCode: 4,
    stderr: expect.stringContaining(`did you mean ${known.containerId}?`),
  });
});

test("logs, metrics, config and version answer", async () => {
  const logs = await document(["logs", "--grep", "daemon starting"]);
  expect(logs).toMatchObject({ kind: "Logs", source: "daemon" });
  expect(logs.entries).toHaveLength(1);
  expect((await headcnictl(["logs", "-n", "5"])).stdout.trim().split("\n")).toHaveLength(5);
  expect((await document(["logs", "--tailscaled"])).entries.length).toBeGreaterThan(0);
  expect((await headcnictl(["metrics", "ip_pool_size"])).stdout).toContain("253");
  expect((await headcnictl(["metrics", "--raw", "headcni_serving"])).stdout).toContain("headcni_serving 1");
  expect((await document(["config", "show"])).values).toContainEqual(
    expect.objectContaining({ path: "nodeName", value: "n1" }),
  );
  expect(await headcnictl(["config", "validate"])).toMatchObject({ exitCode: 0 });
  expect((await document(["version"])).kind).toBe("Version");
});

test("a wrong word is answered with the right one", async () => {
  expect(await headcnictl(["statsu"])).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("did you mean headcnictl status?"),
  });
});

test("a degraded node says why, with exit code 1", async () => {
  const lastWell = Date.now();
  await stopService(lab(), { name: "headscale" });
  await waitUntil(async () => (await headcnictl(["status"])).exitCode === 1, {
    what: "status says that something is wrong",
    timeoutMs: 60_000,
    everyMs: 500,
  });
  const human = await headcnictl(["status"]);
  expect(human.stdout).toContain("Headscale is unreachable; running pods keep working");
  const archive = join(lab().folder, "night.tar.gz");
  expect(await headcnictl(["diagnostics", "--file", archive])).toMatchObject({ exitCode: 0 });
  kept.night = { archive, lastWell, node: "n1" };
  await startService(lab(), { name: "headscale" });
  await untilWell();
});

test("a daemon that is down is told from one that is ill, and comes back", async () => {
  await stopService(lab(), daemon);
  const human = await headcnictl(["status"]);
  expect(human).toMatchObject({
    exitCode: 3,
    stdout: "",
    stderr: expect.stringContaining(node().httpSocket),
  });
  const json = await document(["machines"]);
  expect(json).toMatchObject({ exitCode: 3, kind: "Error", error: { code: "DAEMON_UNREACHABLE" } });
  await startService(lab(), daemon);
  await waitForDaemon(lab(), node());
  // Proven is not yet well: on a busy machine a new daemon may have a machine past its limit, or repair what it finds, for a moment.
  await untilWell();
});

test("inspect switches the page on in the running daemon", async () => {
  expect((await daemonGet(node(), "/inspect")).status).toBe(404);
  expect(await document(["inspect", "--on"])).toMatchObject({ exitCode: 0, kind: "Inspect" });
  expect((await daemonGet(node(), "/inspect")).status).toBe(200);
});

async function unpacked(archive: string): Promise<ReadonlyMap<string, string>> {
  const folder = `${archive}.d`;
  await run(["mkdir", "-p", folder]);
  await run(["tar", "xzf", archive, "-C", folder]);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    await Promise.all(files.map(async (file) => [file, await readFile(file, "utf8")] as [string, string])),
  );
}

/** Marked secrets stand where secrets of a node stand, and in what the daemon logs of them. */
test("the diagnostics bundle helps and holds no secret", async () => {
  const folder = await mkdtemp(join(tmpdir(), "headcnictl-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const config = JSON.parse(await readFile(node().configFile, "utf8"));
  const kubeconfig = join(folder, "kubeconfig");
  await writeFile(kubeconfig, "users:\n- name: a\n  user: {token: MARKEDTOKEN123456}\n");
  const authKeyFile = join(folder, "auth-key");
  await writeFile(authKeyFile, "hskey-auth-abcdef-MARKEDAUTHKEY\n");
  const planted = {
    ...config,
    headscale: { ...config.headscale, authKeyFile },
    kubernetes: { kubeconfig },
  };
  await writeFile(node().configFile, JSON.stringify(planted));
  // A pod's name is the part of an event that a stranger chooses; what it holds lands in traces and in the log.
  const marked = "hskey-auth-abcdef-MARKEDPODNAME";
  const args = `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${marked}`;
  await callPlugin(node(), { command: "DEL", containerId: "of-a-stranger", args });
  const tailscaledLog = join(node().runtimeDir, "tailscaled.log");
  const line = "login with hskey-auth-abcdef-MARKEDAUTHKEY and privkey:MARKEDPRIVATE and MARKEDVARIABLE\n";
  await writeFile(tailscaledLog, line, { flag: "a" });
  const archive = join(folder, "bundle.tar.gz");
  const variables = { ...config.tailscale.environment, TS_AUTHKEY: "MARKEDVARIABLE" };
  const env = { HEADCNI_TAILSCALE_ENVIRONMENT: JSON.stringify(variables) };
  const ran = await headcnictl(["diagnostics", "--file", archive], env);
  expect(ran.exitCode).toBe(0);
  await writeFile(node().configFile, JSON.stringify(config));
  const files = await unpacked(archive);
  const names = [...files.keys()].map((path) => path.split("/").slice(-2).join("/"));
  for (const name of [
    "status.json",
    "machines.json",
    "trace.json",
    "logs.json",
    "metrics.txt",
    "manifest.json",
  ])
    expect(names.some((path) => path.endsWith(name))).toBe(true);
  expect(names).toEqual(
    expect.arrayContaining(["kernel/node.json", "kernel/tailnet.json", "nftables/node.txt"]),
  );
  const all = [...files.values()].join("\n");
  expect(all).toContain("10.244.1.0/24");
  // Where the secrets stood, the rest stands.
  for (const kept of ["login with", "of-a-stranger", authKeyFile, '"TS_AUTHKEY": "[redacted]"'])
    expect(all).toContain(kept);
  for (const [path, text] of files)
    expect([path, /.{0,60}MARKED.{0,20}/.exec(text)?.[0]]).toEqual([path, undefined]);
  const realKey = (await readFile(lab().headscale.authKeyFile, "utf8")).trim();
  expect(all).not.toContain(realKey);
});

test("install puts the plugin in its place; uninstall takes everything back and proves it", async () => {
  const plugin = lab().tools.plugin ?? "";
  expect(await headcnictl(["install", "--plugin", plugin, "--dry-run"])).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining("would"),
  });
  // Never the service: it would be this machine's.
  expect(await headcnictl(["install", "--plugin", plugin, "--no-service"])).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining("done"),
  });
  expect((await headcnictl(["uninstall"])).stderr).toContain("--yes");
  expect(await headcnictl(["uninstall", "--yes"])).toMatchObject({
    exitCode: 5,
    stderr: expect.stringContaining("the daemon still runs"),
  });
  const before = await document(["uninstall", "--check"]);
  expect(before).toMatchObject({ exitCode: 1, clean: false });
  const kinds = new Set(before.remains.map(({ what }: { what: string }) => what));
  expect([...kinds].toSorted()).toEqual(["file", "firewall", "link", "process", "route", "rule"]);
  await stopService(lab(), daemon);
  await stopService(lab(), { name: "wire", node: "n1" });
  expect(await headcnictl(["uninstall", "--yes"])).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining("nothing of HeadCNI is left"),
  });
  await run(inNetns(node().netns, ["ip", "route", "add", "blackhole", "10.9.0.0/16", "proto", "72"]));
  const after = await document(["uninstall", "--check"]);
  expect(after).toMatchObject({
    exitCode: 1,
    remains: [{ what: "route", name: "blackhole 10.9.0.0/16 in table 254" }],
  });
});

test("a laptop without daemon and network replays the night in which Headscale was away", async () => {
  await replayElsewhere(lab(), program(), kept.night);
});
