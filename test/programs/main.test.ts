import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, statSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Profile } from "pprof-format";
import { expect, onTestFinished, test } from "vitest";
import { addNetns, inNetns, ipBatch, removeNetns } from "../lab/network/netns.ts";
import { run, runResult } from "../lab/run-command.ts";
import { waitUntil } from "../lab/wait-until.ts";
import { loneConfig, startLoneDaemon } from "../support/lone-daemon.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

const main = new URL("../../src/programs/daemon/main.ts", import.meta.url).pathname;
const wireMain = new URL("../../src/programs/wire/main.ts", import.meta.url).pathname;

/** headcni-wire from source, with the configuration in the directory; ends with the test. */
function startLoneWire(netns: string, directory: string) {
  const command = [process.execPath, wireMain, "--config", join(directory, "config.yaml")] as const;
  const [program, ...args] = inNetns(netns, [...command]);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] });
  const ended = once(child, "exit");
  let log = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  return { child, ended, log: () => log };
}

/** The lines of a program's log, which is all that it wrote. */
const linesOf = (stdout: string) =>
  stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test("a daemon that cannot start ends, whatever it had opened by then, and says why in one fatal line", async () => {
  const name = `hcg-${process.pid}-main`;
  await addNetns(name);
  onTestFinished(() => removeNetns(name));
  const directory = temporaryDirectory();
  const other = createServer().listen(join(directory, "http.sock"));
  onTestFinished(() => void other.close());
  const file = join(directory, "config.yaml");
  await writeFile(file, JSON.stringify(loneConfig(directory)));
  // The kernel's worker runs by then. A process that stays would be killed, which is another exit code.
  const command = ["timeout", "--signal=KILL", "60", process.execPath, main, "--config", file] as const;
  const { exitCode, stdout, stderr } = await runResult(inNetns(name, [...command]));
  const fatal = linesOf(stdout).filter(({ level }) => level === "fatal");
  expect(fatal).toMatchObject([{ failure: { code: "ADDRESS_TAKEN" }, msg: "cannot start" }]);
  expect(stderr).toBe("");
  expect(exitCode).toBe(1);
});

/** All that a daemon could have touched in a namespace: links, addresses, routes, rules, tables. */
async function kernelState(netns: string): Promise<readonly string[]> {
  const commands = [
    ["ip", "-d", "link", "show"],
    ["ip", "address", "show"],
    ["ip", "-4", "route", "show", "table", "all"],
    ["ip", "-6", "route", "show", "table", "all"],
    ["ip", "-4", "rule", "show"],
    ["ip", "-6", "rule", "show"],
    ["nft", "list", "ruleset"],
  ] as const;
  return await Promise.all(
    commands.map(async (command) => (await runResult(inNetns(netns, [...command]))).stdout),
  );
}

async function linkState(netns: string, link: string): Promise<string> {
  return /state (\w+)/.exec(await run(inNetns(netns, ["ip", "link", "show", "dev", link])))?.[1] ?? "";
}

test.each([
  [[], "2 ready headcni c0ffee eth0 - 1 10.244.1.7 0 and-more", "the alias of the link hc01 is of version 2"],
  [["--cleanup"], "2 ready", "the alias of the link hc01 is of version 2"],
  [[], "1 ready headcni c0ffee eth0 - 1 10.244.1.7 0", "the file STATE/allowed.json is of version 2"],
] as const)(
  "where a later release ran, headcni %j ends before it changes anything (alias %s)",
  async (words, alias, found) => {
    const netns = `hcg-${process.pid}-newer`;
    await addNetns(netns);
    onTestFinished(() => removeNetns(netns));
    await ipBatch(netns, [
      "link add hc01 group 18499 type veth peer name pod",
      `link set hc01 alias "headcni${alias}"`,
      // Link-local addresses would come while the daemon runs.
      "link set hc01 addrgenmode none",
      "link set pod addrgenmode none",
      "link set hc01 up",
      "link set pod up",
      "address add 169.254.7.7/32 dev hc01",
      "route add 10.244.1.7 dev hc01 proto 72 metric 72",
      // As of an ADD or a DEL that was cut short: recovery would take it away.
      "link add hc02 group 18500 type veth peer name gone",
    ]);
    const directory = temporaryDirectory();
    const state = join(directory, "state");
    await mkdir(state);
    if (found.includes("STATE")) await writeFile(join(state, "allowed.json"), '{"version":2}');
    const file = join(directory, "config.yaml");
    await writeFile(file, JSON.stringify(loneConfig(directory)));
    // The kernel notes a link's carrier a while after the link is up (net/core/link_watch.c).
    await waitUntil(async () => (await linkState(netns, "pod")) === "UP", {
      what: "the link pod has its carrier",
      timeoutMs: 10_000,
    });
    const before = await kernelState(netns);
    const command = [
      "timeout",
      "--signal=KILL",
      "60",
      process.execPath,
      main,
      "--config",
      file,
      ...words,
    ] as const;
    const { exitCode, stdout, stderr } = await runResult(inNetns(netns, [...command]));
    expect(exitCode).toBe(1);
    const said = stdout + stderr;
    expect(said).toContain(found.replace("STATE", state));
    expect(said).toContain("Install that release again; or drain the node");
    if (words.length === 0)
      expect(linesOf(stdout).filter(({ level }) => level === "fatal")).toMatchObject([
        { failure: { code: "NEWER_FORMAT" }, msg: "cannot start" },
      ]);
    expect(await kernelState(netns)).toEqual(before);
    expect(await readdir(directory)).toEqual(["config.yaml", "state"]);
  },
);

test("headcni-wire leaves a state directory of a later release alone", async () => {
  const netns = `hcg-${process.pid}-newwire`;
  await addNetns(netns);
  onTestFinished(() => removeNetns(netns));
  const directory = temporaryDirectory();
  await mkdir(join(directory, "state"));
  await writeFile(join(directory, "state", "allowed.json"), '{"version":2}');
  await writeFile(join(directory, "config.yaml"), JSON.stringify(loneConfig(directory)));
  const before = await kernelState(netns);
  const { ended, log } = startLoneWire(netns, directory);
  expect(await ended).toEqual([1, null]);
  expect(linesOf(log()).at(-1)).toMatchObject({ level: "fatal", failure: { code: "NEWER_FORMAT" } });
  expect(await kernelState(netns)).toEqual(before);
});

test.each([
  ["headcni", main, "--config"],
  ["headcni-wire", wireMain, "--config"],
  ["headcni", main, "--konfig"],
  ["headcni-wire", wireMain, "--konfig"],
])("%s %s refuses what it is given in one fatal line without keys", async (program, entry, word) => {
  const file = join(temporaryDirectory(), "config.yaml");
  await writeFile(file, "headscale: { url: tskey-auth-geheim }");
  const { exitCode, stdout, stderr } = await runResult([process.execPath, entry, word, file]);
  const [fatal, ...others] = linesOf(stdout);
  expect(others).toEqual([]);
  expect(fatal).toMatchObject({ level: "fatal", program, msg: "cannot start" });
  if (word === "--config")
    expect(fatal).toMatchObject({
      failure: { code: "CONFIG_INVALID" },
      problems: expect.arrayContaining([expect.objectContaining({ path: "headscale.url" })]) as unknown,
    });
  expect(stdout + stderr).not.toContain("geheim");
  expect(stderr).toBe("");
  expect(exitCode).toBe(2);
});

test("the plugin is put in place without any key", async () => {
  const directory = temporaryDirectory();
  const [file, plugin] = [join(directory, "config.yaml"), join(directory, "plugin")];
  const { headscale, ...rest } = loneConfig(directory);
  // As in the chart's init container, which mounts no credentials.
  const keys = { authKey: undefined, authKeyFile: join(directory, "nowhere") };
  await writeFile(file, JSON.stringify({ ...rest, headscale: { ...headscale, ...keys } }));
  await writeFile(plugin, "a program");
  const words = ["--config", file, "--install-plugin", plugin] as const;
  expect(await runResult([process.execPath, main, ...words])).toMatchObject({ exitCode: 0, stderr: "" });
  expect(await readFile(join(directory, "bin", "headcni"), "utf8")).toBe("a program");
});

test.each([
  ["http", true],
  ["https", false],
])("an admin key that goes to Headscale by %s: a warning is %s", async (scheme, warned) => {
  const folder = temporaryDirectory();
  const [apiKeyFile, authKeyFile] = [join(folder, "api-key"), join(folder, "auth-key")];
  await writeFile(apiKeyFile, "hskey-api-none-none");
  await writeFile(authKeyFile, "hskey-auth-none-none");
  const url = `${scheme}://10.99.0.1:8080`;
  const { log } = await startLoneDaemon({ headscale: { url, approval: "api", apiKeyFile, authKeyFile } });
  expect(log().includes("an admin key of Headscale crosses the network unencrypted")).toBe(warned);
  expect(log()).not.toContain("none-none");
});

test("SIGHUP makes the daemon read its configuration again, and nothing else", async () => {
  const { child, log, ask, configure } = await startLoneDaemon();
  type Page = {
    readonly machines: readonly { readonly machine: string; readonly state: string }[];
    readonly recentTransitions: readonly { readonly machine: string; readonly event: string }[];
  };
  const page = async () => JSON.parse((await ask("/debug/machines")).body.toString()) as Page;
  const touched = async () =>
    (await page()).recentTransitions.some(
      (one) => one.machine === "config" && one.event === "config.touched",
    );
  const watches = async () =>
    (await page()).machines.some((one) => one.machine === "config" && one.state === "following.watching");
  await until(watches, "the first reading");
  // Nothing is written: no watcher of files brings what comes now.
  expect(await touched()).toBe(false);
  child.kill("SIGHUP");
  await until(touched, "another reading");
  await until(() => log().includes("reading the configuration again"), "the word of SIGHUP");
  await configure({ logging: { level: "debug" } });
  child.kill("SIGHUP");
  await until(() => log().includes("configuration changed"), "the new level");
  expect(child.exitCode).toBeNull();
  child.kill("SIGTERM");
  await until(() => child.exitCode !== null, "the end");
  expect(child.exitCode).toBe(0);
});

test("both programs close the folders that kubelet made open to all, before their sockets stand in them", async () => {
  const open = () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, "state"));
    chmodSync(directory, 0o755);
    return directory;
  };
  const modes = (directory: string) =>
    [directory, join(directory, "state")].map((path) => statSync(path).mode & 0o777);
  const { directory } = await startLoneDaemon({}, open());
  expect(modes(directory)).toEqual([0o700, 0o700]);
  const netns = `hcg-${process.pid}-folders`;
  await addNetns(netns);
  onTestFinished(() => removeNetns(netns));
  const ofWire = open();
  await writeFile(join(ofWire, "config.yaml"), JSON.stringify(loneConfig(ofWire)));
  startLoneWire(netns, ofWire);
  await until(() => existsSync(join(ofWire, "wire-http.sock")), "headcni-wire's HTTP socket");
  expect(modes(ofWire)).toEqual([0o700, 0o700]);
});

test("SIGHUP leaves headcni-wire as it is, and with it the node's tailnet", async () => {
  const netns = `hcg-${process.pid}-wire`;
  await addNetns(netns);
  onTestFinished(() => removeNetns(netns));
  const directory = temporaryDirectory();
  await writeFile(join(directory, "config.yaml"), JSON.stringify(loneConfig(directory)));
  const { child, ended, log } = startLoneWire(netns, directory);
  await until(() => existsSync(join(directory, "wire-http.sock")), "headcni-wire's HTTP socket");
  child.kill("SIGHUP");
  await until(() => log().includes("SIGHUP: nothing is read again") || child.signalCode !== null, "its word");
  child.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
});

test("the inspector is switched on in the running daemon, which loses nothing, and over its unix socket only", async () => {
  const { ask, child } = await startLoneDaemon({ monitoring: { port: 9797 } });
  const rows = async () => {
    const { body } = await ask("/debug/machines");
    type Row = { machine: string; state: string; sinceMs: number };
    return (JSON.parse(body.toString()) as { machines: Row[] }).machines;
  };
  // Its own way to this state would begin the time anew, too.
  await until(
    async () => (await rows()).some(({ machine, state }) => machine === "headcni" && state === "live"),
    "pods can be served",
  );
  const before = await rows();
  expect((await ask("/inspect")).status).toBe(404);
  expect((await ask("/inspect", "POST")).status).toBe(200);
  expect((await ask("/inspect")).status).toBe(200);
  const after = await rows();
  expect(after.find(({ machine }) => machine === "headcni")?.sinceMs).toBeGreaterThanOrEqual(
    before.find(({ machine }) => machine === "headcni")?.sinceMs ?? 0,
  );
  expect(child.exitCode).toBeNull();
});

test("profiles are taken of the daemon's main thread and of its kernel worker", async () => {
  const { ask, netns } = await startLoneDaemon();
  const index = await ask("/debug/pprof/");
  expect(index.body.toString()).toContain("/debug/pprof/profile?thread=kernel");
  const profileOf = async (path: string, work: () => Promise<unknown> = async () => undefined) => {
    const taking = ask(`/debug/pprof/${path}`);
    await work();
    const { status, body } = await taking;
    expect(status, body.toString()).toBe(200);
    return Profile.decode(gunzipSync(body));
  };
  const namesOf = ({ function: functions, stringTable }: Profile) =>
    functions.map(({ name }) => stringTable.strings[Number(name)]);
  const main = namesOf(await profileOf("profile?seconds=2", () => busy(ask)));
  const cpu = await profileOf("profile?seconds=2&thread=kernel", () => busyKernel(netns));
  const kernel = namesOf(cpu);
  expect(main).not.toContain("runKernelLoop");
  expect(kernel).toContain("runKernelLoop");
  // Most of the two seconds it sleeps, which is no CPU time.
  const nanoseconds = cpu.sample.reduce((sum, { value }) => sum + Number(value[1]), 0);
  expect(nanoseconds).toBeLessThan(1.5e9);
  const heap = await profileOf("heap?seconds=2&thread=kernel", () => busyKernel(netns));
  // Nothing of what the worker allocates meanwhile need live on.
  expect(heap.sample.length === 0 || namesOf(heap).includes("runKernelLoop")).toBe(true);
  expect(heap.sampleType.map(({ type }) => heap.stringTable.strings[Number(type)])).toContain("inuse_space");
  expect((await ask("/healthz")).status).toBe(200);
});

/** Pages that are asked for keep the main thread busy. */
async function busy(ask: (path: string) => Promise<unknown>): Promise<void> {
  for (let count = 0; count < 50; count += 1) await ask("/metrics");
}

/** The worker hears of every change. */
async function busyKernel(netns: string): Promise<void> {
  const lines = Array.from({ length: 400 }, (_, index) =>
    [`link add d${index} type dummy`, `link del d${index}`].join("\n"),
  );
  await runResult(["ip", "-n", netns, "-batch", "-"], { input: `${lines.join("\n")}\n` });
}

test("what headcni-wire's machines do is in the daemon's metrics and its table", async () => {
  const { ask, netns, directory } = await startLoneDaemon();
  const { child: wire } = startLoneWire(netns, directory);
  const metrics = async () => (await ask("/metrics")).body.toString();
  // Its tailscaled is not there, so it never stays up.
  await until(
    async () => /headcni_machines\{machine="wire",state="backingOff"\} 1/.test(await metrics()),
    "the state of wire",
  );
  const { machines } = JSON.parse((await ask("/debug/machines")).body.toString()) as {
    readonly machines: readonly { readonly machine: string }[];
  };
  expect(machines.map(({ machine }) => machine)).toContain("wire");
  wire.kill("SIGTERM");
  await until(async () => !/machine="wire"[^\n]*\} 1/.test(await metrics()), "the end of its series");
});
