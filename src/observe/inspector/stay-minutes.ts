/** How long whoever switches the inspector on may have it stay, and how long it stays unless they say so. */
export const stayMinutes = { min: 1, max: 120, usual: 30 } as const;
