import type { KernelChange, NamespaceName } from "../../../domain/kernel/kernel-state.ts";
import { policyTableName } from "../../../domain/policy/policy-plan.ts";
import { readString } from "../wire-format/attribute-values.ts";
import { decodeAttributes, type ReceivedMessage } from "../wire-format/netlink-message.ts";

/** NFNL_SUBSYS_NFTABLES of linux/netfilter/nfnetlink.h. */
export const nftablesSubsystem = 10;
/** NFT_MSG_* of linux/netfilter/nf_tables.h. */
const newGeneration = 15;
const deletions: ReadonlySet<number> = new Set([2, 5, 8, 11, 14, 20, 24]);
/** NFTA_GEN_PROC_NAME: who made the transaction. */
const processName = 3;
/** NFTA_TABLE_NAME, and the table of a chain, a rule, a set, a set's elements, an object and a flow table alike. */
const tableName = 1;
/** struct nfgenmsg. */
const headerLength = 4;

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
      if (message.type >> 8 !== nftablesSubsystem) continue;
      const type = message.type & 0xff;
      if (deletions.has(type)) removed = true;
      const attributes = decodeAttributes(message.payload, headerLength);
      if (type !== newGeneration) {
        policies ||= readString(attributes.get(tableName)) === policyTableName;
        continue;
      }
      const subject = readString(attributes.get(processName));
      const of = policies ? { policies } : {};
      if (message.portId !== ownPortId)
        changes.push({ namespace, what: "nftables", removed, subject, ...of });
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
    for (const { type, payload } of messages) {
      if (type >> 8 !== nftablesSubsystem) continue;
      const attributes = decodeAttributes(payload, headerLength);
      if ((type & 0xff) !== newGeneration) {
        touched ||= readString(attributes.get(tableName)) === table;
        continue;
      }
      if (touched) processes.push(readString(attributes.get(processName)));
      touched = false;
    }
    return processes;
  };
}
