import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readyPage } from "../../lab/headcni/daemon-pages.ts";
import { ctlCommand, ctlDocument, runCtl } from "../../lab/headcni/run-ctl.ts";
import { nodeOf } from "../../lab/lab-store.ts";
import { inNetns } from "../../lab/network/netns.ts";
import { run, runResult } from "../../lab/run-command.ts";
import { startService, stopService } from "../../lab/services.ts";
import { headscale } from "../../lab/tailnet/headscale.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { useLab } from "../support/use-lab.ts";

interface Finding {
  readonly id: string;
  readonly result: string;
  readonly found: string;
}

const lab = useLab({ nodes: 2, config: { "network.serviceCIDR": "10.96.0.0/24" } });
const node = () => nodeOf(lab(), "n1");
const inNode = (...command: [string, ...string[]]) => run(inNetns(node().netns, command));

/** What depends on the machine that the test runs on: whether /tmp is in memory, who resolves names. */
const ofTheMachine = ["node.stateDir", "node.runtimeDir", "node.resolver"];
const ofTheLab = ({ id }: Finding) => !ofTheMachine.includes(id);

async function findings(...words: string[]): Promise<readonly Finding[]> {
  return (await ctlDocument<{ findings: readonly Finding[] }>(lab(), node(), ["doctor", ...words])).findings;
}

async function finding(id: string, ...words: string[]): Promise<Finding | undefined> {
  return (await findings(...words)).find((one) => one.id === id);
}

test("on a running node all is well, and with an API key nothing is left out", async () => {
  const found = await findings("--api-key-file", lab().headscale.apiKeyFile);
  expect(found.filter(ofTheLab).filter(({ result }) => result !== "ok")).toEqual([]);
  expect(found.length).toBeGreaterThan(40);
  const { exitCode, stdout } = await runCtl(lab(), node(), ["doctor", "--all"]);
  expect(exitCode).toBe(0);
  expect(stdout).toContain("kernel.attachment");
});

test("it changes nothing on the node and leaves nothing behind", async () => {
  const view = async () =>
    await Promise.all([
      inNode("ip", "-o", "link"),
      inNode("ip", "-o", "address"),
      inNode("ip", "route", "show", "table", "all"),
      inNode("ip", "rule"),
      inNode("nft", "list", "tables"),
      inNode("sysctl", "-n", "net.ipv4.ip_forward", "net.ipv4.conf.all.rp_filter"),
    ]);
  const before = await view();
  // A folder of its own: other runs of headcnictl on this machine may be in the middle of their work.
  const temporary = join(lab().folder, "temporary");
  await mkdir(temporary);
  const options = { env: { TMPDIR: temporary }, timeoutMs: 180_000 };
  const { exitCode } = await runResult(ctlCommand(lab(), node(), ["doctor"]), options);
  expect(exitCode).toBe(0);
  expect(await view()).toEqual(before);
  expect(await readdir(temporary)).toEqual([]);
});

test("faults of the network and the container runtime are named, all in one run", async () => {
  onTestFinished(async () => {
    await inNode("ip", "route", "del", "10.244.77.0/24");
    await inNode("ip", "link", "set", "eth0", "mtu", "1500");
    await inNode("ip", "rule", "del", "pref", "50");
    await rm(join(node().cniConfDir, "00-other.conflist"));
    await rm(join(node().stateDir, "later.json"));
  });
  await inNode("ip", "route", "add", "10.244.77.0/24", "via", "10.99.0.1");
  await inNode("ip", "link", "set", "eth0", "mtu", "1300");
  await inNode("ip", "rule", "add", "from", "all", "lookup", "99", "pref", "50");
  await writeFile(join(node().cniConfDir, "00-other.conflist"), "{}");
  await writeFile(join(node().stateDir, "later.json"), '{"version":2}');
  const found = await findings();
  const problems = found.filter(ofTheLab).filter(({ result }) => result === "warn" || result === "fail");
  expect(problems).toEqual([
    expect.objectContaining({
      id: "node.formats",
      result: "fail",
      found: expect.stringContaining("later.json is of version 2"),
    }),
    expect.objectContaining({
      id: "addresses.podCIDR",
      result: "fail",
      found: expect.stringContaining("10.244.77.0/24 through eth0"),
    }),
    expect.objectContaining({ id: "addresses.mtu", result: "warn", found: expect.stringContaining("1300") }),
    expect.objectContaining({
      id: "addresses.rules",
      result: "warn",
      found: expect.stringContaining("priority 50"),
    }),
    expect.objectContaining({
      id: "cni.configuration",
      result: "fail",
      found: expect.stringContaining("00-other.conflist"),
    }),
  ]);
  expect((await runCtl(lab(), node(), ["doctor"])).exitCode).toBe(1);
});

test("a firewall that lets nobody else change its table is named", async () => {
  // nft takes an owned table away when the program that made it ends.
  const [program, ...args] = inNetns(node().netns, ["nft", "-i"]);
  const owner = spawn(program, args, { stdio: ["pipe", "ignore", "ignore"] });
  onTestFinished(async () => {
    owner.stdin.end("quit\n");
    await once(owner, "close");
  });
  owner.stdin.write("add table inet fire { flags owner; }\n");
  owner.stdin.write("add chain inet fire f { type filter hook forward priority 10; policy drop; }\n");
  const named = await waitUntil(
    async () => {
      const one = await finding("firewall.owner");
      return one?.result === "fail" ? one : undefined;
    },
    { what: "the owned table is named", timeoutMs: 60_000 },
  );
  expect(named.found).toContain("inet fire f");
});

test("with the daemon stopped, what it would repair and what it would take is named", async () => {
  onTestFinished(() => startService(lab(), { name: "daemon", node: "n1" }));
  await stopService(lab(), { name: "daemon", node: "n1" });
  // The kernel takes the greater one, and a namespace begins with the machine's own value of "all".
  await inNode("sysctl", "-q", "-w", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.headcni0.rp_filter=1");
  const found = await findings();
  expect(found.find(({ id }) => id === "node.rpFilter")).toMatchObject({
    result: "fail",
    found: expect.stringContaining("headcni0"),
  });
  expect(found.find(({ id }) => id === "tailnet.daemon")).toMatchObject({
    result: "fail",
    found: expect.stringContaining("its tailscaled runs"),
  });
});

test("a Headscale that is down is named, and what runs is told apart from it", async () => {
  onTestFinished(() => startService(lab(), { name: "headscale" }));
  await stopService(lab(), { name: "headscale" });
  const isMissed = async () =>
    (await readyPage(node()))?.reasons.some((reason) => reason.includes("Headscale is unreachable"));
  await waitUntil(isMissed, { what: "the daemon misses Headscale", timeoutMs: 60_000 });
  const found = await waitUntil(
    async () => {
      const all = await findings();
      return all.some(({ id, result }) => id === "tailnet.login" && result === "warn") && all;
    },
    { what: "tailscaled knows that Headscale is unreachable", timeoutMs: 120_000 },
  );
  expect(found.find(({ id }) => id === "headscale.reachable")).toMatchObject({
    result: "fail",
    found: expect.stringContaining("nothing listens"),
  });
  expect(found.find(({ id }) => id === "tailnet.routes")?.result).toBe("ok");
});

test("before an install the pre-auth key, the policy and other nodes' routes are checked with an API key", async () => {
  const folder = join(lab().folder, "fresh");
  await mkdir(folder);
  const { headscale: hs, supernet } = lab();
  const key = (
    await headscale(lab(), ["preauthkeys", "create", "--tags", "tag:host", "--expiration", "24h"])
  ).trim();
  const keyFile = join(folder, "auth-key");
  await writeFile(keyFile, key, { mode: 0o600 });
  const config = {
    nodeName: "fresh",
    runtimeDir: join(folder, "run"),
    stateDir: join(folder, "state"),
    headscale: { url: hs.url, authKeyFile: keyFile },
    network: { podCIDR: supernet, nodePodCIDR: "10.244.1.0/24", serviceCIDR: "10.96.0.0/24" },
    tailscale: { binary: lab().tools.tailscaled, port: 41700, linkCIDR: "198.18.9.0/30" },
    cni: { confDir: join(folder, "net.d"), binDir: join(folder, "bin") },
    monitoring: { port: 9800 },
  };
  const configFile = join(folder, "config.yaml");
  await writeFile(configFile, JSON.stringify(config));
  // A node of its own on the underlay: no HeadCNI was ever there.
  const elsewhere = { ...node(), netns: lab().netns, configFile };
  const { findings: found } = await ctlDocument<{ findings: readonly Finding[] }>(lab(), elsewhere, [
    "doctor",
    "--api-key-file",
    hs.apiKeyFile,
  ]);
  const of = (id: string) => found.find((one) => one.id === id);
  expect(of("headscale.authKey")).toMatchObject({
    result: "fail",
    found: expect.stringContaining("tag:k8s-node"),
  });
  expect(of("headscale.authKey")?.found).not.toContain(key);
  expect(of("headscale.approvers")?.result).toBe("ok");
  expect(of("tailnet.announcements")).toMatchObject({
    result: "fail",
    found: expect.stringContaining("n1 announces 10.244.1.0/24"),
  });
  expect(of("cni.plugin")).toMatchObject({ result: "ok", found: expect.stringContaining("yet") });
  expect(of("tailnet.daemon")?.result).toBe("skipped");
  expect(of("kernel.attachment")?.result).toBe("ok");
});

test("the printed policy carries pods and passes its check, which finds the lab's own too wide", async () => {
  interface Checked {
    readonly findings: readonly { readonly kind: string; readonly part: string }[];
  }
  const check = async () => {
    const words = ["policy", "check", "--api-key-file", lab().headscale.apiKeyFile];
    const { findings: found } = await ctlDocument<Checked>(lab(), node(), words);
    return found.map(({ kind, part }) => `${kind} ${part}`);
  };
  const openFile = join(lab().headscale.folder, "open.json");
  await writeFile(openFile, await headscale(lab(), ["policy", "get"]));
  onTestFinished(async () => {
    await headscale(lab(), ["policy", "set", "-f", openFile]);
  });
  expect(await check()).toEqual(expect.arrayContaining(["missing tests", "wide rules"]));
  const { stdout } = await runCtl(lab(), node(), ["policy"]);
  const file = join(lab().headscale.folder, "least.hujson");
  await writeFile(file, stdout);
  await headscale(lab(), ["policy", "set", "-f", file]);
  expect(await check()).toEqual([]);
  const far = nodeOf(lab(), "n2").routerAddress;
  const answers = async () =>
    (await runResult(inNetns(node().netns, ["ping", "-c", "1", "-W", "1", far]))).exitCode === 0;
  await waitUntil(answers, { what: `${far} answers`, timeoutMs: 30_000 });
});

test("a policy that blocks pods is named", async () => {
  const file = join(lab().headscale.folder, "closed.json");
  const open = await headscale(lab(), ["policy", "get"]);
  const openFile = join(lab().headscale.folder, "open.json");
  await writeFile(openFile, open);
  onTestFinished(async () => {
    await headscale(lab(), ["policy", "set", "-f", openFile]);
  });
  const acls = [{ action: "accept", src: ["tag:k8s-node"], dst: ["tag:k8s-node:*"] }];
  await writeFile(file, JSON.stringify({ ...JSON.parse(open), acls, autoApprovers: {} }));
  await headscale(lab(), ["policy", "set", "-f", file]);
  const found = await findings("--api-key-file", lab().headscale.apiKeyFile);
  const failed = found.filter(({ id, result }) => id.startsWith("headscale.") && result === "fail");
  expect(failed.map(({ id }) => id)).toEqual(["headscale.approvers", "headscale.policy"]);
});

test("a wrong configuration is named key by key, and the rest is checked all the same", async () => {
  const configFile = join(lab().folder, "wrong.yaml");
  await writeFile(
    configFile,
    "headscale:\n  url: http://10.99.0.1:8080\nnetwork:\n  mtu: many\n  podCIDR: 10.244.0.0/16\n",
  );
  const wrong = { ...node(), configFile };
  const { findings: found } = await ctlDocument<{ findings: readonly Finding[] }>(lab(), wrong, ["doctor"]);
  const problems = found.filter(({ id }) => id === "configuration.valid").map(({ found: text }) => text);
  expect(problems.some((text) => text.includes("network.mtu") && text.includes('"many"'))).toBe(true);
  expect(found.find(({ id }) => id === "headscale.reachable")?.result).toBe("ok");
});
