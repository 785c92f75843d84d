import type { KernelCommandName, KernelRequest } from "./kernel-commands.ts";

/** Pods wait for attachments and for their policies; everything else can wait for those, but not for ever. */
const rank: Readonly<Partial<Record<KernelCommandName, number>>> = {
  ...{ attach: 0, changeElements: 0 },
  ...{ detach: 1, echo: 1 },
};
const lowestRank = 2;
/** After so many requests out of turn the one that has waited longest goes first, whatever it is. */
const longestPreference = 8;

/** Requests that wait: attachments first, then releases, then the rest; in order of arrival among equals. */
export interface RequestQueue {
  add(request: KernelRequest): void;
  take(): KernelRequest | undefined;
  isEmpty(): boolean;
}

export function requestQueue(): RequestQueue {
  const waiting: readonly KernelRequest[][] = Array.from({ length: lowestRank + 1 }, () => []);
  let preferred = 0;
  const filled = (): readonly KernelRequest[][] => waiting.filter((requests) => requests.length > 0);
  return {
    add: (request) => waiting[rank[request.name] ?? lowestRank]?.push(request),
    take: () => {
      const oldest = filled().toSorted(([a], [b]) => (a?.id ?? 0) - (b?.id ?? 0))[0];
      const chosen = preferred < longestPreference ? filled()[0] : oldest;
      preferred = chosen === oldest ? 0 : preferred + 1;
      return chosen?.shift();
    },
    isEmpty: () => filled().length === 0,
  };
}
