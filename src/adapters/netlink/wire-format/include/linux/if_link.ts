/** Attributes of links. */
export const IFLA = {
  ...{ ADDRESS: 1, IFNAME: 3, MTU: 4, LINKINFO: 18, IFALIAS: 20, AF_SPEC: 26 },
  ...{ GROUP: 27, NET_NS_FD: 28, EXT_MASK: 29, NUM_TX_QUEUES: 31, NUM_RX_QUEUES: 32 },
} as const;

/** Attributes in IFLA_LINKINFO. */
export const IFLA_INFO = { KIND: 1, DATA: 2 } as const;

/** Attributes in IFLA_AF_SPEC's AF_INET6. */
export const IFLA_INET6 = { ADDR_GEN_MODE: 8 } as const;

/** IFLA_INET6_ADDR_GEN_MODE. */
export const IN6_ADDR_GEN_MODE = { NONE: 1 } as const;
