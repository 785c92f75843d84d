/** Families of nfnetlink: nfgen_family. */
export const NFPROTO = { INET: 1 } as const;
