import type { KernelChange, NamespaceName } from "../../../domain/kernel/kernel-state.ts";
import { policyTableName } from "../../../domain/policy/policy-plan.ts";
import type { ReceivedMessage } from "../wire-format/netlink-message.ts";
import { decodeNftables } from "../wire-format/nftables-messages.ts";

/**
 * Reads the notifications of one nfnetlink socket, transaction by transaction: the kernel ends each with a generation
 * message, and only that becomes a change, removing if anything in the transaction was deleted. Not of transactions by the socket
 * with `ownPortId`.
 */
export function nftablesChanges(
  namespace: NamespaceName,
  ownPortId: number,
): (messages: readonly ReceivedMessage[]) => readonly KernelChange[] {
  let removed = false;
  let policies = false;
  return (messages) => {
    const changes: KernelChange[] = [];
    for (const message of messages) {
      const change = decodeNftables(message);
      if (change === undefined) continue;
      removed ||= change.removes;
      policies ||= change.table === policyTableName;
      if (change.madeBy === undefined) continue;
      const of = policies ? { policies } : {};
      if (message.portId !== ownPortId)
        changes.push({ namespace, what: "nftables", removed, subject: change.madeBy, ...of });
      removed = false;
      policies = false;
    }
    return changes;
  };
}

/** The same for one table: gives the name of the process of each transaction that touched the table of this name. */
export function tableChanges(table: string): (messages: readonly ReceivedMessage[]) => readonly string[] {
  let touched = false;
  return (messages) => {
    const processes: string[] = [];
    for (const message of messages) {
      const change = decodeNftables(message);
      if (change === undefined) continue;
      touched ||= change.table === table;
      if (change.madeBy === undefined) continue;
      if (touched) processes.push(change.madeBy);
      touched = false;
    }
    return processes;
  };
}
