import { readdir, readFile, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { labFolderPrefix } from "../../layout.ts";
import { waitUntil } from "../../wait-until.ts";

/** The cgroup, in each hierarchy of the machine, that is the root of all cgroups that a node sees. */
export function nodeCgroup(labId: string, nodeName: string): string {
  return join(labCgroup(labId), nodeName);
}

/** The folders of a lab's cgroups, one in each hierarchy that has any (cgroups(7); version 2 is one more hierarchy). */
export async function findCgroups(labId: string): Promise<readonly string[]> {
  const mounts = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
  const points = mounts
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(" ")[4] ?? "")
    .filter((point) => point !== "");
  const found = await Promise.all(
    points.map(async (point) => {
      const names: readonly string[] = await readdir(point).catch(() => []);
      return names.includes(labCgroup(labId)) ? [join(point, labCgroup(labId))] : [];
    }),
  );
  return found.flat();
}

/** Removes a cgroup and those in it, whose processes must have ended. Throws LabError NOT_READY if it does not go. */
export async function removeCgroup(folder: string): Promise<void> {
  // A process that has ended keeps its cgroup busy for a moment.
  await waitUntil(() => tryToRemove(folder), {
    what: `cgroup ${folder} goes`,
    timeoutMs: 5000,
    everyMs: 20,
  });
}

/** True once the cgroup is gone. */
async function tryToRemove(folder: string): Promise<boolean> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => undefined);
  if (entries === undefined) return true;
  const children = entries.filter((entry) => entry.isDirectory());
  await Promise.all(children.map(({ name }) => tryToRemove(join(folder, name))));
  return await rmdir(folder).then(
    () => true,
    () => false,
  );
}

function labCgroup(labId: string): string {
  return `${labFolderPrefix}${labId}`;
}
