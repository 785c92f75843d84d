import type { ClusterNode } from "../kubernetes/kubernetes-objects.ts";
import type { TailnetMachine } from "./tailnet-machine.ts";

/** How long a machine must have been away, and how old it must be, before it counts as departed. */
export const departedAfterMs = 60_000;

/** Deleted at one look at most: whatever goes wrong, it goes wrong slowly. */
const mostAtOnce = 5;

/**
 * The machines of Nodes that left the cluster: they joined with one of the controller's own keys, no Node names them, and they are
 * offline for a while. Nobody else's machine is ever among them, nor any while the cluster has no Node at all: then rather the list
 * is wrong. A machine that is deleted too early joins again by itself.
 */
export function departedMachines(
  nodes: readonly ClusterNode[],
  machines: readonly TailnetMachine[],
  ownKeys: readonly string[],
  nowMs: number,
): readonly TailnetMachine[] {
  if (nodes.length === 0) return [];
  const named = new Set(nodes.map(({ tailnetNodeId }) => tailnetNodeId));
  const before = nowMs - departedAfterMs;
  return machines
    .filter(({ authKeyId }) => authKeyId !== "" && ownKeys.includes(authKeyId))
    .filter(({ id, online }) => !online && !named.has(id))
    .filter(({ createdAtMs, lastSeenAtMs }) => createdAtMs < before && lastSeenAtMs < before)
    .slice(0, mostAtOnce);
}
