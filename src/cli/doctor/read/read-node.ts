import { accessSync, constants } from "node:fs";
import { access, open, readFile, stat, statfs } from "node:fs/promises";
import { release } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { missingCapabilities } from "../../../adapters/capabilities/capabilities.ts";
import { errnoOf } from "../../../adapters/files/errno-of.ts";
import { readJsonFiles } from "../../../adapters/files/read-json-files.ts";
import { openKernel } from "../../../adapters/netlink/open-kernel.ts";
import { runProgram } from "../../../adapters/nftables/run-program.ts";
import { readNameservers } from "../../../adapters/tailscale/resolv-conf.ts";
import { readTunnelMtu } from "../../../adapters/wire/read-tunnel-mtu.ts";
import type { KernelLink } from "../../../domain/kernel/kernel-state.ts";
import { newerAliases, newerFiles } from "../../../domain/newer-format.ts";
import type { KernelState } from "../../../ports/kernel-state.ts";
import type { DirectoryFacts, DoctorSettings, FeatureTrial, NodeFacts } from "../judge/facts.ts";
import { factOf } from "./fact.ts";

export interface ReadNodeOptions {
  readonly settings: DoctorSettings;
  /** tailscaled's path or name. */
  readonly tailscaled: string;
  readonly trials: () => Promise<readonly FeatureTrial[]>;
}

/** What the firewall adapter, headcni-wire and connect-test run. */
const programs = ["nft", "nsenter", "unshare", "flock", "mount", "umount"];
/** tmpfs and ramfs (linux/magic.h). */
const memoryFileSystems = [0x01021994, 0x858458f6];
const tcpListen = "0A";

/** The node's own state; nothing is written. */
export async function readNode({ settings, tailscaled, trials }: ReadNodeOptions): Promise<NodeFacts> {
  const snapshot = await factOf(() => withKernel((kernel) => kernel.observe("node")));
  const tunnelMtu = await factOf(() => withKernel((kernel) => readTunnelMtu(kernel, settings)));
  const links = "value" in snapshot ? snapshot.value.links : [];
  const missing = missingCapabilities(await readFile("/proc/self/status", "utf8"));
  const [directories, udp, udp6, tcp, tcp6] = await Promise.all([
    Promise.all([settings.runtimeDir, settings.stateDir].map(readDirectory)),
    readPorts("udp"),
    readPorts("udp6"),
    readPorts("tcp", tcpListen),
    readPorts("tcp6", tcpListen),
  ]);
  return {
    kernelRelease: release(),
    missingCapabilities: missing,
    trials: missing.length > 0 ? { unknown: "capabilities are missing" } : await factOf(trials),
    tunDevice: await tryTun(),
    snapshot,
    tunnelMtu,
    sysctls: await readSysctls(links, settings.sysctlDir),
    sysctlsWritable: await isWritable(join(settings.sysctlDir, "net/ipv4/ip_forward")),
    missingPrograms: programs.filter((name) => !isOnPath(name)),
    tailscaledVersion: await factOf(async () => {
      const [first = ""] = (await runProgram({ program: tailscaled, args: ["--version"] })).split("\n");
      return first.trim();
    }),
    directories,
    newerFormats: [...newerAliases(links), ...newerFiles(await readJsonFiles(settings.stateDir))],
    udpPorts: [...udp, ...udp6],
    tcpPorts: [...tcp, ...tcp6],
    nameservers: await readNameservers(),
  };
}

async function withKernel<Result>(read: (kernel: KernelState) => Promise<Result>): Promise<Result> {
  const kernel = await openKernel({ onFailure: () => undefined });
  try {
    return await read(kernel.state);
  } finally {
    await kernel.close();
  }
}

/** Opening is enough to know: ENODEV without the driver, EPERM where the device is not allowed. */
async function tryTun(): Promise<string> {
  try {
    const device = await open("/dev/net/tun", "r+");
    await device.close();
    return "";
  } catch (error) {
    return errnoOf(error);
  }
}

async function readSysctls(
  links: readonly KernelLink[],
  root: string,
): Promise<Readonly<Record<string, string>>> {
  const names = [
    "net/ipv4/ip_forward",
    ...["all", ...links.map(({ name }) => name)].map((link) => `net/ipv4/conf/${link}/rp_filter`),
  ];
  const pairs = await Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(root, name), "utf8").catch(() => undefined);
      return text === undefined ? [] : [[name, text.trim()] as const];
    }),
  );
  return Object.fromEntries(pairs.flat());
}

async function readDirectory(path: string): Promise<DirectoryFacts> {
  let existing = path;
  while (existing !== "/" && !(await exists(existing))) existing = dirname(existing);
  const about = await statfs(existing).catch(() => undefined);
  return {
    path,
    existing,
    refusal: await access(existing, constants.W_OK).then(() => "", errnoOf),
    freeBytes: about === undefined ? 0 : about.bavail * about.bsize,
    inMemory: about !== undefined && memoryFileSystems.includes(about.type),
  };
}

/** Local ports in /proc/net/NAME (proc_net_tcp): the second column is ADDRESS:PORT in hex, the fourth the state. */
async function readPorts(name: string, state?: string): Promise<readonly number[]> {
  const text = await readFile(`/proc/self/net/${name}`, "utf8").catch(() => "");
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const [, local = "", , found] = line.trim().split(/\s+/);
      const port = Number.parseInt(local.split(":")[1] ?? "", 16);
      return Number.isNaN(port) || (state !== undefined && found !== state) ? [] : [port];
    });
}

function isOnPath(name: string): boolean {
  const folders = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`.split(delimiter);
  return folders.some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function isWritable(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
}
