import type { Struct } from "../../struct.ts";

/** Of messages about neighbours. */
export const ndmsg = {
  size: 12,
  fields: { ndm_family: [0, 1], ndm_ifindex: [4, 4], ndm_state: [8, 2] },
} as const satisfies Struct;

/** Attributes of neighbours. */
export const NDA = { DST: 1, LLADDR: 2 } as const;

/** ndm_state. */
export const NUD = { PERMANENT: 0x80 } as const;
