/** Address families. */
export const AF = { INET: 2, INET6: 10 } as const;
