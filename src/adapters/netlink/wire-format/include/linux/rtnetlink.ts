import type { Struct } from "../../struct.ts";

/** Message types. */
export const RTM = {
  ...{ NEWLINK: 16, DELLINK: 17, GETLINK: 18, SETLINK: 19 },
  ...{ NEWADDR: 20, DELADDR: 21, GETADDR: 22 },
  ...{ NEWROUTE: 24, DELROUTE: 25, GETROUTE: 26 },
  ...{ NEWNEIGH: 28, GETNEIGH: 30 },
  ...{ NEWRULE: 32, DELRULE: 33, GETRULE: 34 },
  NEWNETCONF: 80,
} as const;

/** Of messages about links. */
export const ifinfomsg = {
  size: 16,
  fields: { ifi_index: [4, 4], ifi_flags: [8, 4], ifi_change: [12, 4] },
} as const satisfies Struct;

/** IFLA_EXT_MASK. */
export const RTEXT_FILTER = { SKIP_STATS: 1 << 3 } as const;

/** Of messages about routes. */
export const rtmsg = {
  size: 12,
  fields: {
    ...{ rtm_family: [0, 1], rtm_dst_len: [1, 1], rtm_table: [4, 1], rtm_protocol: [5, 1] },
    ...{ rtm_scope: [6, 1], rtm_type: [7, 1], rtm_flags: [8, 4] },
  },
} as const satisfies Struct;

/** rtm_type. */
export const RTN = {
  ...{ UNICAST: 1, LOCAL: 2, BROADCAST: 3, MULTICAST: 5 },
  ...{ BLACKHOLE: 6, UNREACHABLE: 7, PROHIBIT: 8, THROW: 9 },
} as const;

/** rtm_scope. */
export const RT_SCOPE = { UNIVERSE: 0, LINK: 253, HOST: 254 } as const;

/** rtm_table. */
export const RT_TABLE = { LOCAL: 255 } as const;

/** rtm_flags. */
export const RTNH_F = { ONLINK: 4 } as const;

/** rtm_flags. */
export const RTM_F = { CLONED: 0x200 } as const;

/** Attributes of routes. */
export const RTA = { DST: 1, OIF: 4, GATEWAY: 5, PRIORITY: 6, PREFSRC: 7, CACHEINFO: 12, TABLE: 15 } as const;

/** RTA_CACHEINFO. */
export const rta_cacheinfo = { size: 32, fields: { rta_expires: [8, 4] } } as const satisfies Struct;
