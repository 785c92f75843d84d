import { readFileSync, writeFileSync } from "node:fs";
import type { Progress } from "../lab/progress.ts";

const file = "/proc/sys/fs/inotify/max_user_instances";
/** A lab's cluster with three nodes has about 45 (7 each kubelet, 5 the controller manager), and three labs run side by side. */
const needed = 512;

/**
 * Lets root have enough inotify instances (inotify(7)) for all labs at once: many systems allow 128, and a kubelet that gets none never
 * becomes ready. Gives the function that puts the limit back.
 */
export function allowInotifyInstances(progress: Progress): () => void {
  const before = readFileSync(file, "utf8").trim();
  if (Number(before) >= needed) return () => undefined;
  try {
    writeFileSync(file, String(needed));
  } catch (error) {
    progress(
      `${file} stays ${before} (${String(error)}): with three clusters at once a kubelet may find none left`,
    );
    return () => undefined;
  }
  return () => writeFileSync(file, before);
}
