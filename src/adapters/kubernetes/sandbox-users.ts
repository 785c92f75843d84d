import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { SandboxUsers } from "../../ports/sandbox-users.ts";

/**
 * Finds a sandbox's processes by their cgroups: runtimes and the kubelet name them after the container's id and the
 * pod's UID (pkg/kubelet/cm: "pod<uid>", with underscores under systemd). Unlike /proc/PID/ns/net these can be read
 * without CAP_SYS_PTRACE.
 */
export function sandboxUsers(proc = "/proc"): SandboxUsers {
  return {
    async find({ containerId, podUid }) {
      const names = [containerId, podUid, podUid.replaceAll("-", "_")].filter((name) => name !== "");
      const own = await cgroupsOf(join(proc, "self"));
      let othersSeen = false;
      const pids = (await readdir(proc)).filter((name) => /^\d+$/.test(name));
      for (const pid of pids) {
        const cgroups = await cgroupsOf(join(proc, pid));
        if (cgroups === undefined) continue;
        if (names.some((name) => cgroups.includes(name))) return "some";
        othersSeen ||= cgroups !== own;
      }
      // In a PID namespace of our own all processes are ours: there is nothing to conclude from them.
      return othersSeen ? "none" : "unknown";
    },
  };
}

/** Undefined for a process that ended, and for a kernel thread in the root cgroup of a kernel without cgroups. */
async function cgroupsOf(folder: string): Promise<string | undefined> {
  try {
    return await readFile(join(folder, "cgroup"), "utf8");
  } catch {
    return undefined;
  }
}
