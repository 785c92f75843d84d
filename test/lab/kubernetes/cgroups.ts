import { readdir, readFile, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { labFolderPrefix } from "../layout.ts";

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

/** Removes a cgroup and those in it. Their processes must have ended; one that does not go is left for the caller's next look. */
export async function removeCgroup(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const children = entries.filter((entry) => entry.isDirectory());
  await Promise.all(children.map(({ name }) => removeCgroup(join(folder, name))));
  await rmdir(folder).catch(() => undefined);
}

function labCgroup(labId: string): string {
  return `${labFolderPrefix}${labId}`;
}
