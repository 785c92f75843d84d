import type { Struct } from "../../../struct.ts";

/** The upper byte of nlmsg_type. */
export const NFNL_SUBSYS = { CTNETLINK: 1, NFTABLES: 10 } as const;

/** Types of the messages around a transaction. */
export const NFNL_MSG = { BATCH_BEGIN: 0x10, BATCH_END: 0x11 } as const;

/** `res_id` is in network order. */
export const nfgenmsg = {
  size: 4,
  fields: { nfgen_family: [0, 1], res_id: [2, 2] },
} as const satisfies Struct;
