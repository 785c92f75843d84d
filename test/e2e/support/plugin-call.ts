import { join } from "node:path";
import type { LabNode } from "../../lab/lab-types.ts";
import { inNetns } from "../../lab/network/netns.ts";
import { runResult } from "../../lab/run-command.ts";

/** One call of the HeadCNI plugin as a runtime makes it, without cnitool in between. */
export type PluginCall = {
  readonly command: string;
  readonly containerId?: string;
  readonly netns?: string;
  readonly ifName?: string;
  readonly args?: string | undefined;
  /** Added to the network config on stdin, for example `prevResult`. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Replaces stdin as a whole. */
  readonly stdin?: string;
};

/** How it ended: the exit code and what stood on stdout, parsed if it was JSON. */
export type PluginAnswer = { readonly exitCode: number; readonly answer: unknown };

/** Calls the plugin of a node in the node's namespace. */
export async function callPlugin(node: LabNode, call: PluginCall): Promise<PluginAnswer> {
  const variables: Readonly<Record<string, string | undefined>> = {
    CNI_COMMAND: call.command,
    CNI_CONTAINERID: call.containerId,
    CNI_NETNS: call.netns,
    CNI_IFNAME: call.ifName ?? "eth0",
    CNI_PATH: node.cniBinDir,
    CNI_ARGS: call.args,
  };
  const given = Object.entries(variables).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  const config = {
    cniVersion: "1.0.0",
    name: "headcni",
    type: "headcni",
    socketPath: node.cniSocket,
    ...call.config,
  };
  const { exitCode, stdout } = await runResult(inNetns(node.netns, [join(node.cniBinDir, "headcni")]), {
    env: Object.fromEntries(given),
    input: call.stdin ?? JSON.stringify(config),
    timeoutMs: 60_000,
  });
  return { exitCode, answer: parsed(stdout) };
}

/** The first address of an ADD's answer, without its prefix length; undefined if it was no success. */
export function addressIn({ exitCode, answer }: PluginAnswer): string | undefined {
  if (exitCode !== 0) return undefined;
  const { ips } = answer as { readonly ips?: readonly { readonly address: string }[] };
  return ips?.[0]?.address.split("/")[0];
}

/** The error code of a failed call (CNI spec, "Error"), undefined for a success or an answer without one. */
export function errorCodeIn({ exitCode, answer }: PluginAnswer): number | undefined {
  if (exitCode === 0 || typeof answer !== "object" || answer === null) return undefined;
  const { code } = answer as { readonly code?: unknown };
  return typeof code === "number" ? code : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
