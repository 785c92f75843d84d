import type { Struct } from "../../struct.ts";

/** Of messages about addresses. */
export const ifaddrmsg = {
  size: 8,
  fields: { ifa_family: [0, 1], ifa_prefixlen: [1, 1], ifa_index: [4, 4] },
} as const satisfies Struct;

/** Attributes of addresses. */
export const IFA = { ADDRESS: 1, LOCAL: 2, FLAGS: 8 } as const;

/** IFA_FLAGS. */
export const IFA_F = { NODAD: 0x02 } as const;
