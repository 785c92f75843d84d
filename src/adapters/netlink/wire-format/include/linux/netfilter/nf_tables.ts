/** The lower byte of nlmsg_type. */
export const NFT_MSG = {
  ...{ DELTABLE: 2, DELCHAIN: 5, DELRULE: 8, DELSET: 11, NEWSETELEM: 12, DELSETELEM: 14, NEWGEN: 15 },
  ...{ DELOBJ: 20, DELFLOWTABLE: 24 },
} as const;

export const NFTA_TABLE = { NAME: 1 } as const;

/** Attributes of NFT_MSG_NEWSETELEM and NFT_MSG_DELSETELEM. */
export const NFTA_SET_ELEM_LIST = { TABLE: 1, SET: 2, ELEMENTS: 3 } as const;

/** In a list of nested values. */
export const NFTA_LIST = { ELEM: 1 } as const;

export const NFTA_SET_ELEM = { KEY: 1, DATA: 2 } as const;

export const NFTA_DATA = { VALUE: 1, VERDICT: 2 } as const;

export const NFTA_VERDICT = { CODE: 1, CHAIN: 2 } as const;

/** Verdicts: NFTA_VERDICT_CODE, in network order. */
export const NFT = { JUMP: -3 } as const;

/** In bytes: each type of a concatenation fills whole registers. */
export const NFT_REG32 = { SIZE: 4 } as const;

/** Attributes of NFT_MSG_NEWGEN. */
export const NFTA_GEN = { PROC_NAME: 3 } as const;
