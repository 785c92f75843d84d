import type { Struct } from "../../struct.ts";

/** Of messages about rules. */
export const fib_rule_hdr = {
  size: 12,
  fields: { family: [0, 1], dst_len: [1, 1], src_len: [2, 1], table: [4, 1], action: [7, 1] },
} as const satisfies Struct;

/** `action`. */
export const FR_ACT = { TO_TBL: 1, GOTO: 2, NOP: 3, UNREACHABLE: 7 } as const;

/** Attributes of rules. */
export const FRA = {
  ...{ DST: 1, SRC: 2, GOTO: 4, PRIORITY: 6, FWMARK: 10, SUPPRESS_PREFIXLEN: 14 },
  ...{ TABLE: 15, FWMASK: 16, PROTOCOL: 21 },
} as const;
