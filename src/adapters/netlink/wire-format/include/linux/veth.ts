/** Attributes in IFLA_INFO_DATA of a veth. */
export const VETH_INFO = { PEER: 1 } as const;
