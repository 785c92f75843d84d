import { readString } from "./attribute-values.ts";
import { NFT_MSG, NFTA_GEN, NFTA_TABLE } from "./include/linux/netfilter/nf_tables.ts";
import { NFNL_SUBSYS, nfgenmsg } from "./include/linux/netfilter/nfnetlink.ts";
import { decodeAttributes, type ReceivedMessage } from "./netlink-message.ts";

const deletions: ReadonlySet<number> = new Set([
  NFT_MSG.DELTABLE,
  NFT_MSG.DELCHAIN,
  NFT_MSG.DELRULE,
  NFT_MSG.DELSET,
  NFT_MSG.DELSETELEM,
  NFT_MSG.DELOBJ,
  NFT_MSG.DELFLOWTABLE,
]);

/** One notification of a transaction; the kernel ends each transaction with NFT_MSG_NEWGEN. */
export type NftablesNotification =
  | { readonly table: string; readonly removes: boolean; readonly madeBy?: never }
  /** NFT_MSG_NEWGEN: the name of the process that made the transaction. */
  | { readonly madeBy: string; readonly removes: false; readonly table?: never };

/** A message of the group NFNLGRP_NFTABLES; undefined for those of other subsystems. Throws NetlinkDecodeError. */
export function decodeNftables({ type, payload }: ReceivedMessage): NftablesNotification | undefined {
  if (type >> 8 !== NFNL_SUBSYS.NFTABLES) return undefined;
  const kind = type & 0xff;
  const attributes = decodeAttributes(payload, nfgenmsg.size);
  if (kind === NFT_MSG.NEWGEN)
    return { madeBy: readString(attributes.get(NFTA_GEN.PROC_NAME)), removes: false };
  // The attribute of this number is the table's name in all of them: NFTA_CHAIN_TABLE, NFTA_RULE_TABLE and so on.
  return { table: readString(attributes.get(NFTA_TABLE.NAME)), removes: deletions.has(kind) };
}
