import { createHash } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { removeCgroup } from "./kubernetes/node/cgroups.ts";
import { LabError } from "./lab-error.ts";
import { labFolder } from "./layout.ts";
import { describeLeftovers, findLeftovers } from "./leftovers.ts";
import { netnsPath, removeNetns } from "./network/netns.ts";
import { endProcess, isAlive, listProcesses, type ProcessIdentity } from "./processes/processes.ts";
import { type Progress, silent } from "./progress.ts";
import { runResult } from "./run-command.ts";

/**
 * Takes a lab down, in whatever state it is: ends its processes, unmounts, removes namespaces and its folder, then looks
 * again. Throws LabError LEFT_BEHIND if anything is left. A lab that is not there is no error.
 */
export async function stopLab(id: string, progress: Progress = silent): Promise<void> {
  const folder = labFolder(id);
  // Daemons first: they would start their tailscaled again.
  const recorded = await listProcesses(join(folder, "processes"));
  const alive = recorded.filter(isAlive);
  const rank = (name: string) => (name.endsWith("-daemon") ? 0 : 1);
  const ordered = [...alive].sort((a, b) => rank(a.name) - rank(b.name));
  await endAll(ordered.filter(({ name }) => rank(name) === 0));
  await endAll(ordered.filter(({ name }) => rank(name) === 1));
  const found = await findLeftovers(id);
  await endAll(found.processes);
  for (const mount of found.mounts) await runResult(["umount", "--lazy", mount]);
  // What does not go is found by the last look.
  await Promise.allSettled(found.cgroups.map(removeCgroup));
  await removeCniResults(found.namespaces);
  await Promise.all(found.namespaces.map(removeNetns));
  if ((await findLeftovers(id)).mounts.length === 0) await rm(folder, { recursive: true, force: true });
  const left = describeLeftovers(await findLeftovers(id));
  if (left !== undefined) throw new LabError("LEFT_BEHIND", `lab "${id}" left behind: ${left}`);
  const { namespaces } = found;
  progress(
    `Lab ${id} is down: ${recorded.length} processes ended, ${namespaces.length} namespaces removed, nothing left`,
  );
}

async function endAll(processes: readonly ProcessIdentity[]): Promise<void> {
  // The lab's state goes with it, so nobody needs a graceful end.
  await Promise.all(processes.map((identity) => endProcess(identity, 0)));
}

/** cnitool keeps the result of each ADD in libcni's fixed cache folder; its container id is a hash of the namespace's path. */
async function removeCniResults(namespaces: readonly string[]): Promise<void> {
  const folder = "/var/lib/cni/results";
  const ids = namespaces.map(
    (name) => `cnitool-${createHash("sha512").update(netnsPath(name)).digest("hex").slice(0, 20)}`,
  );
  const files = await readdir(folder).catch(() => []);
  const ours = files.filter((file) => ids.some((containerId) => file.includes(containerId)));
  await Promise.all(ours.map((file) => rm(join(folder, file), { force: true })));
}
