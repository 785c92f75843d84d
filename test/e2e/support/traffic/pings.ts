import type { LabNode } from "../../../lab/lab-types.ts";
import { execInNode, execInPod, type Pod } from "../../../lab/pods.ts";

/** Whether ping, with these words, gets an answer to one of three echoes. */
export async function pings(from: Pod | LabNode, ...target: readonly string[]): Promise<boolean> {
  const command = ["ping", "-q", "-c", "3", "-i", "0.1", "-W", "1", ...target] as const;
  const result = "runtimeDir" in from ? await execInNode(from, command) : await execInPod(from, command);
  return result.exitCode === 0;
}
