/** The lower byte of nlmsg_type. */
export const IPCTNL_MSG_CT = { GET: 1, DELETE: 2 } as const;

export const CTA = { TUPLE_ORIG: 1, TUPLE_REPLY: 2, ID: 12 } as const;

export const CTA_TUPLE = { IP: 1, PROTO: 2 } as const;

export const CTA_IP = { V4_SRC: 1, V6_SRC: 3 } as const;

export const CTA_PROTO = { NUM: 1, SRC_PORT: 2 } as const;
