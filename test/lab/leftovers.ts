import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { findCgroups } from "./kubernetes/node/cgroups.ts";
import { labFolder, netnsPrefix } from "./layout.ts";
import { listNetns, netnsPath } from "./network/netns.ts";
import { identify, type ProcessIdentity } from "./processes/processes.ts";

/** What of a lab is still on the machine. */
export type Leftovers = {
  readonly processes: readonly ProcessIdentity[];
  readonly namespaces: readonly string[];
  readonly mounts: readonly string[];
  readonly cgroups: readonly string[];
  readonly folder: string | undefined;
};

/** Looks for everything a lab can leave, without trusting its records: a lab may have broken at any moment. */
export async function findLeftovers(id: string): Promise<Leftovers> {
  const folder = labFolder(id);
  const namespaces = await listNetns(netnsPrefix(id));
  const mounts = mountsUnder(folder);
  const there = await access(folder).then(
    () => true,
    () => false,
  );
  return {
    processes: processesOf(folder, namespaces, mounts),
    namespaces,
    mounts,
    cgroups: await findCgroups(id),
    folder: there ? folder : undefined,
  };
}

/** Leftovers in words, or undefined if there are none. */
export function describeLeftovers(leftovers: Leftovers): string | undefined {
  const parts = [
    ...leftovers.processes.map(({ pid }) => `process ${pid}`),
    ...leftovers.namespaces.map((name) => `namespace ${name}`),
    ...leftovers.mounts.map((path) => `mount ${path}`),
    ...leftovers.cgroups.map((path) => `cgroup ${path}`),
    ...(leftovers.folder === undefined ? [] : [`folder ${leftovers.folder}`]),
  ];
  return parts.length === 0 ? undefined : parts.join(", ");
}

/** Mount points inside a folder, innermost first (proc_pid_mountinfo(5), field 5, octal escapes). */
function mountsUnder(folder: string): readonly string[] {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  const points = lines.map((line) => line.split(" ")[4] ?? "").map(unescapeOctal);
  return points.filter((point) => point.startsWith(`${folder}/`)).sort((a, b) => b.length - a.length);
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/**
 * Processes that live in one of the lab's network namespaces, or in another that is not this one and have the lab's
 * folder in their command line (somebody's `tail -f` of a log is not ours to end).
 */
function processesOf(
  folder: string,
  namespaces: readonly string[],
  mounts: readonly string[],
): readonly ProcessIdentity[] {
  const inodes = new Set(
    [...namespaces.map(netnsPath), ...mounts].map(inodeOf).filter((inode) => inode !== undefined),
  );
  const own = readlinkSync("/proc/self/ns/net");
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const found = pids.map(Number).filter((pid) => {
    const netns = readOr(() => readlinkSync(join("/proc", String(pid), "ns", "net")));
    if (inodes.has(netns)) return true;
    if (netns === own || netns === "") return false;
    const command = readOr(() => readFileSync(join("/proc", String(pid), "cmdline"), "utf8"));
    return command.includes(`${folder}/`);
  });
  return found.map(identify).filter((identity) => identity !== undefined);
}

/** The name that /proc/PID/ns/net links to for a namespace's file: `net:[inode]`. */
function inodeOf(path: string): string | undefined {
  const inode = readOr(() => String(statSync(path).ino));
  return inode === "" ? undefined : `net:[${inode}]`;
}

function readOr(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}
