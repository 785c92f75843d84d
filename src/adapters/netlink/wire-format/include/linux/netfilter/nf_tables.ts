/** The lower byte of nlmsg_type. */
export const NFT_MSG = {
  ...{ DELTABLE: 2, DELCHAIN: 5, DELRULE: 8, DELSET: 11, DELSETELEM: 14, NEWGEN: 15, DELOBJ: 20 },
  DELFLOWTABLE: 24,
} as const;

export const NFTA_TABLE = { NAME: 1 } as const;

/** Attributes of NFT_MSG_NEWGEN. */
export const NFTA_GEN = { PROC_NAME: 3 } as const;
