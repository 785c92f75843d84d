import { join } from "node:path";
import type { Lab } from "../../lab-types.ts";
import { inNetns } from "../../network/netns.ts";
import { type CommandLine, type CommandOptions, run } from "../../run-command.ts";
import { clusterOf } from "../cluster.ts";

/** The command line of kubectl as the cluster's administrator, from where the API server is reached. */
export function kubectlCommand(lab: Lab, args: readonly string[]): CommandLine {
  const { tools, kubeconfig, netns } = clusterOf(lab);
  return inNetns(netns, [join(tools.kubernetes, "kubectl"), `--kubeconfig=${kubeconfig}`, ...args]);
}

/** Runs kubectl and returns what it printed. Throws LabError COMMAND_FAILED. */
export async function kubectl(
  lab: Lab,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  return await run(kubectlCommand(lab, args), { timeoutMs: 120_000, ...options });
}

/** Creates or changes objects as given: server-side, so that it needs no schema of them here. */
export async function applyObjects(lab: Lab, objects: readonly unknown[]): Promise<void> {
  const list = { apiVersion: "v1", kind: "List", items: objects };
  await kubectl(lab, ["apply", "--server-side", "--validate=false", "-f", "-"], {
    input: JSON.stringify(list),
  });
}

/** Reads objects as JSON: `getJson(lab, ["nodes"])`. */
export async function getJson<T>(lab: Lab, args: readonly string[]): Promise<T> {
  return JSON.parse(await kubectl(lab, ["get", "-o", "json", ...args])) as T;
}
