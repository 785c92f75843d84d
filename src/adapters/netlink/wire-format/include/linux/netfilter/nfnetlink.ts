import type { Struct } from "../../../struct.ts";

/** The upper byte of nlmsg_type. */
export const NFNL_SUBSYS = { NFTABLES: 10 } as const;

export const nfgenmsg = { size: 4, fields: {} } as const satisfies Struct;
