/** ifi_flags and ifi_change. */
export const IFF = { UP: 0x1 } as const;
