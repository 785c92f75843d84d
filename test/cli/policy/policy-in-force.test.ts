import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTailnetRig, type TailnetRig } from "../../adapters/tailscale/tailnet-rig.ts";
import { openTunnel } from "../../adapters/tailscale/tunnel.ts";
import type { LabNode } from "../../lab/lab-types.ts";
import { inNetns } from "../../lab/network/netns.ts";
import { run, runResult } from "../../lab/run-command.ts";
import { headscale } from "../../lab/tailnet/headscale.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { runWords } from "../run-words.ts";
import { clusterWords } from "./scripted-servers.ts";

const { signal } = new AbortController();
let rig: TailnetRig;
let tunnel: Awaited<ReturnType<typeof openTunnel>>;

beforeAll(async () => {
  rig = await startTailnetRig({ nodes: 3, approval: "policy", families: [4, 6] });
  const folder = join(rig.lab.folder, "cli");
  await mkdir(folder);
  tunnel = await openTunnel(rig.lab.netns, folder, new URL(rig.headscaleUrl));
}, 120_000);
afterAll(async () => {
  await tunnel.close();
  await rig.end();
}, 60_000);

const policy = (...words: readonly string[]) =>
  runWords(["policy", ...words, "--without-nodes", "--pod-cidr", rig.lab.supernets.join(), "--no-color"]);
const checkInForce = (...words: readonly string[]) =>
  policy("check", "--headscale-url", tunnel.url, "--api-key-file", rig.lab.headscale.apiKeyFile, ...words);

async function setPolicy(text: string): Promise<void> {
  const file = join(temporaryDirectory(), "policy.hujson");
  await writeFile(file, text);
  await headscale(rig.lab, ["policy", "set", "-f", file]);
}

/** A tailnet node with an address in its pod CIDRs, as pods have. */
async function joinTailnet(index: number, key?: string): Promise<LabNode> {
  const node = rig.node(index);
  for (const address of node.routerAddresses)
    await run(inNetns(node.netns, ["ip", "address", "add", address, "dev", "lo"]));
  const tailnet = rig.tailnet(index);
  await waitUntil(() => tailnet.findProcess(), { what: "tailscaled", timeoutMs: 20_000 });
  const authKey = key ?? (await readFile(rig.lab.headscale.authKeyFile, "utf8")).trim();
  await tailnet.login(
    { controlUrl: rig.headscaleUrl, authKey, hostname: node.name, advertiseRoutes: node.podCIDRs },
    signal,
  );
  return node;
}

/** From a node's own tailnet addresses to addresses in the other's pod CIDRs. */
async function fromMemberToPods(): Promise<readonly (readonly [string, string])[]> {
  const { self } = await rig.tailnet(0).status(signal);
  return self.addresses.map((source) => {
    const [four = "", six = ""] = rig.node(1).routerAddresses;
    return [source, source.includes(":") ? six : four];
  });
}

const answers = async (netns: string, source: string, destination: string) =>
  (await runResult(inNetns(netns, ["ping", "-c", "1", "-W", "1", "-I", source, destination]))).exitCode === 0;

test("with the printed policy pods reach pods in both families, and members do not reach them", async () => {
  await setPolicy((await policy()).stdout);
  const [near, far] = [await joinTailnet(0), await joinTailnet(1)];
  for (const [index, source] of near.routerAddresses.entries()) {
    const destination = far.routerAddresses[index] ?? "";
    await waitUntil(() => answers(near.netns, source, destination), {
      what: `${source} reaches ${destination}`,
      timeoutMs: 30_000,
    });
  }
  for (const [source, destination] of await fromMemberToPods())
    expect(await answers(near.netns, source, destination)).toBe(false);
  expect(await checkInForce()).toMatchObject({
    exitCode: 0,
    stdout: `${tunnel.url}: It gives this cluster what it needs, and no more.\n`,
  });
});

test("what the policy in force lacks and where it is too wide is named, with its place", async () => {
  const grants = [{ src: ["*"], dst: ["*"], ip: ["*"] }];
  await setPolicy(
    `{\n  "tagOwners": {"tag:k8s-node": [], "tag:host": []},\n  "grants": ${JSON.stringify(grants)},\n}`,
  );
  for (const [source, destination] of await fromMemberToPods())
    await waitUntil(() => answers(rig.node(0).netns, source, destination), {
      what: `${source} reaches ${destination}`,
      timeoutMs: 30_000,
    });
  const { exitCode, stdout } = await checkInForce("-o", "json");
  expect(exitCode).toBe(1);
  const { kind, source, findings } = JSON.parse(stdout);
  expect({ kind, source }).toEqual({ kind: "PolicyCheck", source: tunnel.url });
  expect(
    findings.map(({ kind: what, part, line }: Record<string, unknown>) => `${what} ${part} ${line}`),
  ).toEqual([
    ...rig.lab.supernets.map(() => "missing autoApprovers null"),
    "missing nodeAttrs null",
    "missing tests null",
    "wide rules 3",
  ]);
});

test("a node that its owner logged in is known by its user, which Headscale tells", async () => {
  const users = await headscale(rig.lab, ["users", "create", "alice", "-o", "json"]);
  const { id } = JSON.parse(users);
  const key = await headscale(rig.lab, ["preauthkeys", "create", "--user", String(id), "--expiration", "1h"]);
  const [near, owned] = [rig.node(0), await joinTailnet(2, key.trim())];
  const tailnetId = (index: number) =>
    waitUntil(async () => (await rig.tailnet(index).status(signal)).self.nodeId || undefined, {
      what: "the node's ID",
      timeoutMs: 20_000,
    });
  const cluster = await clusterWords([
    { name: near.name, address: "192.0.2.1", tailnetId: await tailnetId(0) },
    { name: owned.name, address: "192.0.2.3", tailnetId: await tailnetId(2) },
  ]);
  const config = join(temporaryDirectory(), "config.yaml");
  await writeFile(config, "tailscale: {tags: [tag:of-nobody]}\n");
  const inputs = [
    ...["--config", config, "--pod-cidr", rig.lab.supernets.join(), ...cluster],
    ...["--headscale-url", tunnel.url, "--api-key-file", rig.lab.headscale.apiKeyFile],
  ];
  const { stdout } = await runWords(["policy", ...inputs]);
  const [four] = rig.lab.supernets;
  expect(stdout).toContain(`"${four}": ["alice@", "tag:k8s-node"]`);
  await setPolicy(stdout);
  const [source = "", destination = ""] = [near.routerAddress, owned.routerAddress];
  await waitUntil(() => answers(near.netns, source, destination), {
    what: `${source} reaches ${destination}`,
    timeoutMs: 30_000,
  });
  expect(await runWords(["policy", "check", ...inputs])).toMatchObject({ exitCode: 0 });
});

test("a key that Headscale does not know is named by its file", async () => {
  const file = join(temporaryDirectory(), "key");
  await writeFile(file, "hskey-api-wrong");
  const { exitCode, stderr } = await policy("check", "--headscale-url", tunnel.url, "--api-key-file", file);
  expect(exitCode).toBe(5);
  expect(stderr).toContain(`refuses the API key in ${file}`);
});
