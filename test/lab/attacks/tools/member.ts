import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { intoTailnet } from "../../headcni/wire.ts";
import { LabError } from "../../lab-error.ts";
import type { Lab, LabNode } from "../../lab-types.ts";
import { inNetns } from "../../network/netns.ts";
import { plugInHost, type UnderlayHost, unplugHost } from "../../network/underlay.ts";
import { tailOf } from "../../processes/log-tail.ts";
import { endProcess, isAlive, readProcess, startProcess } from "../../processes/processes.ts";
import { run, runResult } from "../../run-command.ts";
import { headscale } from "../../tailnet/headscale.ts";
import { tailscaledEnvironment } from "../../tailnet/host-tailscaled.ts";
import { editPreferences, type TailscaledStatus, tailscaledStatus } from "../../tailnet/local-api.ts";
import { waitUntil } from "../../wait-until.ts";

/** A tailnet member that is no node of the cluster: a stock tailscaled on a host of its own. */
export interface Member {
  readonly host: UnderlayHost;
  /** Its link into the tailnet, in the host's namespace. */
  readonly link: string;
  readonly status: () => Promise<TailscaledStatus>;
  /** Announces these prefixes and no others. */
  readonly announce: (prefixes: readonly string[]) => Promise<void>;
  /** Takes any name, also one that no host may have. */
  readonly rename: (hostName: string) => Promise<void>;
  /**
   * Waits until a packet of tailscaled's own went through WireGuard to an address of the tailnet and back. An ordinary `tailscale ping`
   * goes beside WireGuard: the handshake came with the first probe then, and one lost is repeated after 5 s (REKEY_TIMEOUT) only,
   * when all probes have passed.
   */
  readonly reach: (tailnetAddress: string) => Promise<void>;
  /** Leaves the tailnet for good: Headscale forgets it, and its host is gone. */
  readonly leave: () => Promise<void>;
}

/** `rogue` holds the nodes' tag, `member` that of any machine. */
export type MemberName = "rogue" | "member";

const link = "tailscale0";

/** Joins a fresh member to the tailnet. It accepts all routes, so that what it sends to pods takes the tailnet. */
async function joinMember(lab: Lab, name: MemberName): Promise<Member> {
  await removeHost(lab, name);
  const host = await plugInHost(lab, name);
  const folder = join(lab.folder, name);
  const socket = join(folder, "tailscaled.sock");
  const logFile = join(folder, "tailscaled.log");
  await mkdir(folder, { recursive: true });
  await startProcess(lab.processFolder, {
    name,
    netns: host.netns,
    command: [
      lab.tools.tailscaled,
      ...[`--socket=${socket}`, `--statedir=${folder}`, `--tun=${link}`, "--port=41641"],
    ],
    env: { ...tailscaledEnvironment, TS_LOGS_DIR: folder },
    logFile,
  });
  const cli = [lab.tools.tailscale, `--socket=${socket}`] as const;
  const status = () => tailscaledStatus(socket);
  const answers = () => status().then(Boolean, () => false);
  await waitUntil(answers, {
    what: `the tailscaled of ${name} answers`,
    timeoutMs: 30_000,
    explain: () => tailOf(logFile),
  });
  const { authKeyFile, hostAuthKeyFile } = lab.headscale;
  const up = [
    ...["up", `--login-server=${lab.headscale.url}`, `--hostname=${name}`],
    ...[`--auth-key=file:${name === "rogue" ? authKeyFile : hostAuthKeyFile}`],
    ...["--accept-routes", "--accept-dns=false", "--netfilter-mode=off"],
  ];
  await run(inNetns(host.netns, [...cli, ...up]), { timeoutMs: 60_000 });
  return {
    host,
    link,
    status,
    announce: (prefixes) => editPreferences(socket, { AdvertiseRoutes: prefixes, AdvertiseRoutesSet: true }),
    rename: (hostName) => editPreferences(socket, { Hostname: hostName, HostnameSet: true }),
    reach: async (tailnetAddress) => {
      const ping = [...cli, "ping", "--tsmp", "--c=1", "--timeout=6s", tailnetAddress] as const;
      const answered = async () => (await runResult(inNetns(host.netns, ping))).exitCode === 0;
      await waitUntil(answered, { what: `${name} reaches ${tailnetAddress}`, timeoutMs: 60_000 });
    },
    leave: async () => {
      const { ID } = (await status()).Self;
      await removeHost(lab, name);
      await headscale(lab, ["nodes", "delete", "-i", ID, "--force"]);
    },
  };
}

/** Lends a member of the tailnet, which has left it when `work` ends. */
export async function withMember<T>(
  lab: Lab,
  name: MemberName,
  work: (member: Member) => Promise<T>,
): Promise<T> {
  const member = await joinMember(lab, name);
  try {
    return await work(member);
  } finally {
    await member.leave();
  }
}

/** The table of tailscaled's routes (wgengine/router/osrouter/router_linux.go of Tailscale). */
const tailscaleTable = "52";

/**
 * Waits until a node's tailscaled has heard that a peer other than the nodes serves a prefix, and acts on it: its tunnel is configured
 * before its routes, so the prefix's route is the last to come. A probe before that says nothing.
 */
export async function untilServed(lab: Lab, by: Member, of: LabNode, prefix: string): Promise<void> {
  const { ID } = (await by.status()).Self;
  const isServed = async () => {
    // With thousands of prefixes an answer may take longer than its limit.
    const status = await tailscaledStatus(of.tailscaledSocket).catch(() => undefined);
    return Object.values(status?.Peer ?? {}).some(
      (peer) => peer.ID === ID && peer.PrimaryRoutes?.includes(prefix),
    );
  };
  await waitUntil(isServed, {
    what: `${of.name} hears that ${by.host.name} serves ${prefix}`,
    timeoutMs: 120_000,
    everyMs: 200,
    explain: async () => (await headscale(lab, ["nodes", "list-routes"])).slice(0, 2_000),
  });
  const enter = await intoTailnet(of);
  const family = prefix.includes(":") ? "-6" : "-4";
  const find = enter(["ip", family, "route", "show", "table", tailscaleTable, "exact", prefix]);
  const routes = async () => (await run(find)).trim();
  await waitUntil(async () => (await routes()) !== "", {
    what: `the tailscaled of ${of.name} routes ${prefix}`,
    timeoutMs: 30_000,
    explain: async () =>
      (await run(enter(["ip", family, "route", "show", "table", tailscaleTable]))).slice(0, 2_000),
  });
}

/** An address of a node's tailscaled in the tailnet. Throws LabError NOT_READY while it has none. */
export async function tailnetAddress(node: LabNode): Promise<string> {
  const [address] = (await tailscaledStatus(node.tailscaledSocket)).Self.TailscaleIPs ?? [];
  if (address !== undefined) return address;
  throw new LabError("NOT_READY", `the tailscaled of ${node.name} has no address`);
}

/** Ends a member's tailscaled and takes its host away; one that is not there is no error. */
async function removeHost(lab: Lab, name: MemberName): Promise<void> {
  const record = await readProcess(lab.processFolder, name);
  if (record !== undefined && isAlive(record)) await endProcess(record, 0);
  await unplugHost(lab, name);
  await rm(join(lab.folder, name), { recursive: true, force: true });
}
