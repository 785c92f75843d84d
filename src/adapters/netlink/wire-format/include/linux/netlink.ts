import type { Struct } from "../../struct.ts";

export const nlmsghdr = {
  size: 16,
  fields: {
    nlmsg_len: [0, 4],
    nlmsg_type: [4, 2],
    nlmsg_flags: [6, 2],
    nlmsg_seq: [8, 4],
    nlmsg_pid: [12, 4],
  },
} as const satisfies Struct;

/** Types of control messages. */
export const NLMSG = { ERROR: 2, DONE: 3 } as const;

/** nlmsg_flags: of every message, of RTM_GET*, of RTM_NEW*, of NLMSG_ERROR. */
export const NLM_F = {
  ...{ REQUEST: 0x1, MULTI: 0x2, ACK: 0x4, DUMP_INTR: 0x10 },
  DUMP: 0x300,
  ...{ REPLACE: 0x100, EXCL: 0x200, CREATE: 0x400 },
  ...{ CAPPED: 0x100, ACK_TLVS: 0x200 },
} as const;

/** `msg`, an nlmsghdr, is the request's. */
export const nlmsgerr = { size: 20, fields: { error: [0, 4] } } as const satisfies Struct;

export const NLMSGERR_ATTR = { MSG: 1 } as const;

export const nlattr = { size: 4, fields: { nla_len: [0, 2], nla_type: [2, 2] } } as const satisfies Struct;

/** In nla_type. */
export const NLA = { F_NESTED: 0x8000, TYPE_MASK: ~0xc000, ALIGNTO: 4 } as const;
