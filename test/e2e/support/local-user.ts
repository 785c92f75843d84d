import type { LabNode } from "../../lab/lab-types.ts";
import { inNetns } from "../../lab/netns.ts";
import { run } from "../../lab/run-command.ts";
import { type StreamedProcess, streamedProcess } from "./streamed-process.ts";

/** User and group without rights (nobody, nogroup). */
const nobody = 65_534;

/**
 * What an unprivileged user on a node can open: "open", or the errno. A path is a socket to connect to or a folder to list; one that
 * is not there is an error.
 */
export async function reachedByNobody(
  node: LabNode,
  paths: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  const script = new URL("local-user-process.ts", import.meta.url).pathname;
  return JSON.parse(await run(inNetns(node.netns, [process.execPath, script, ...paths])));
}

/** An unprivileged user who holds so many connections to a port of the node's loopback and asks for nothing; end it by a signal. */
export async function idleNobody(node: LabNode, port: number, count: number): Promise<StreamedProcess> {
  const script = new URL("../../observe/idle-clients.ts", import.meta.url).pathname;
  const words = [process.execPath, script, String(port), String(count), String(nobody)] as const;
  const clients = streamedProcess(inNetns(node.netns, [...words]));
  await clients.heard("the connections of the local user", (stdout) => stdout.includes("ready") || undefined);
  return clients;
}
