export const IPPROTO = { TCP: 6, UDP: 17, SCTP: 132 } as const;
