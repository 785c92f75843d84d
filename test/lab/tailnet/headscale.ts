import { mkdir, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import type { Lab } from "../lab-types.ts";
import { inNetns } from "../network/netns.ts";
import { tailOf } from "../processes/log-tail.ts";
import { requireAlive, startProcess } from "../processes/processes.ts";
import { run } from "../run-command.ts";
import { waitUntil } from "../wait-until.ts";

/** The tag of HeadCNI's own tailnet nodes, and that of the nodes' own tailscaleds. */
export const nodeTag = "tag:k8s-node";
const hostTag = "tag:host";

const tunings = {
  default: {},
  fast: { node_store_batch_timeout: "20ms", batch_change_delay: "50ms" },
} as const;

/**
 * Writes Headscale's config and starts it. Ready when `waitForHeadscale` returns. The program comes from the disk before its time
 * runs: 52 MB took 6 s on a disk that was busy with what had just been built.
 */
export async function startHeadscale(lab: Lab): Promise<void> {
  const { folder, configFile, logFile } = lab.headscale;
  await mkdir(folder, { recursive: true });
  // JSON is YAML too.
  await writeFile(configFile, JSON.stringify(headscaleConfig(lab)));
  await readFile(lab.tools.headscale);
  await startProcess(lab.processFolder, {
    name: "headscale",
    netns: lab.netns,
    command: [lab.tools.headscale, "serve", "-c", configFile],
    env: {},
    logFile,
  });
}

/** Waits until Headscale accepts connections on its unix socket (its API is up then, too). */
export async function waitForHeadscale(lab: Lab): Promise<void> {
  const answers = async () => {
    await requireAlive(lab.processFolder, "headscale");
    return await accepts(socketOf(lab));
  };
  await waitUntil(answers, {
    what: "Headscale answers",
    timeoutMs: 20_000,
    everyMs: 20,
    explain: () => tailOf(lab.headscale.logFile),
  });
}

/** Gives a fresh Headscale its policy, an API key and the pre-auth keys, and writes the keys to their files. */
export async function bootstrapHeadscale(lab: Lab): Promise<void> {
  const policyFile = join(lab.headscale.folder, "policy.json");
  await writeFile(policyFile, JSON.stringify(headscalePolicy(lab)));
  await headscale(lab, ["policy", "set", "-f", policyFile]);
  const authKey = (tag: string) =>
    headscale(lab, ["preauthkeys", "create", "--tags", tag, "--reusable", "--expiration", "24h"]);
  const [apiKey, nodeKey, hostKey] = await Promise.all([
    headscale(lab, ["apikeys", "create", "--expiration", "24h"]),
    authKey(nodeTag),
    authKey(hostTag),
  ]);
  const secret = { mode: 0o600 };
  await writeFile(lab.headscale.apiKeyFile, apiKey.trim(), secret);
  await writeFile(lab.headscale.authKeyFile, nodeKey.trim(), secret);
  await writeFile(lab.headscale.hostAuthKeyFile, hostKey.trim(), secret);
}

/** Runs Headscale's own command line against the lab's server and returns what it printed. */
export async function headscale(lab: Lab, args: readonly string[]): Promise<string> {
  const command = [lab.tools.headscale, "-c", lab.headscale.configFile, ...args] as const;
  return await run(inNetns(lab.netns, [...command]), { timeoutMs: 20_000 });
}

function socketOf(lab: Lab): string {
  return join(lab.headscale.folder, "hs.sock");
}

function accepts(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** The smallest config that works without the internet (Headscale 0.29.2, config-example.yaml has all keys). */
export function headscaleConfig(lab: Lab): unknown {
  const { folder } = lab.headscale;
  return {
    server_url: lab.headscale.url,
    listen_addr: new URL(lab.headscale.url).host,
    metrics_listen_addr: new URL(lab.headscale.debugUrl).host,
    noise: { private_key_path: join(folder, "noise.key") },
    prefixes: { v4: "100.64.0.0/10", v6: "fd7a:115c:a1e0::/48", allocation: "sequential" },
    database: { type: "sqlite", sqlite: { path: join(folder, "db.sqlite") } },
    derp: { urls: [], paths: [lab.derp.mapFile], auto_update_enabled: false, server: { enabled: false } },
    disable_check_updates: true,
    dns: dnsOf(lab),
    unix_socket: socketOf(lab),
    // Its command line gives up after 5 s otherwise, on a busy machine while the server still starts.
    cli: { timeout: "15s" },
    policy: { mode: "database" },
    log: { level: "info" },
    node: { expiry: "0", routes: { ha: { probe_interval: 0 } } },
    tuning: tunings[lab.options.tuning],
  };
}

/** An administrator's Headscale has MagicDNS and a nameserver, as its example configuration has; other labs leave resolv.conf alone. */
function dnsOf({ options: { kubeadm = false } }: Lab) {
  return {
    magic_dns: kubeadm,
    base_domain: "tailnet.test",
    override_local_dns: kubeadm,
    nameservers: { global: kubeadm ? ["10.99.0.1"] : [] },
  };
}

/** The policy of a lab's tailnet. No `acls` key: everybody may talk to everybody. */
export function headscalePolicy(lab: Lab): unknown {
  const approvers = { routes: Object.fromEntries(lab.supernets.map((supernet) => [supernet, [nodeTag]])) };
  const cached = [{ target: ["*"], attr: ["cache-network-maps"] }];
  return {
    tagOwners: { [nodeTag]: [], [hostTag]: [] },
    ...(lab.options.approval === "policy" ? { autoApprovers: approvers } : {}),
    ...(lab.options.cacheNetworkMaps ? { nodeAttrs: cached } : {}),
  };
}
