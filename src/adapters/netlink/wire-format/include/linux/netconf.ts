import type { Struct } from "../../struct.ts";

export const netconfmsg = { size: 1, fields: {} } as const satisfies Struct;

export const NETCONFA = { IFINDEX: 1, IFINDEX_ALL: -1 } as const;
