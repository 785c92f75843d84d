import type { KernelCommandName, KernelRequest } from "./kernel-commands.ts";

/** Pods wait for attachments; everything else can wait for those. */
const rank: Readonly<Partial<Record<KernelCommandName, number>>> = { attach: 0, detach: 1, echo: 1 };
const lowestRank = 2;

/** Requests that wait: attachments first, then releases, then the rest; in order of arrival among equals. */
export interface RequestQueue {
  add(request: KernelRequest): void;
  take(): KernelRequest | undefined;
}

export function requestQueue(): RequestQueue {
  const waiting: readonly KernelRequest[][] = Array.from({ length: lowestRank + 1 }, () => []);
  return {
    add: (request) => waiting[rank[request.name] ?? lowestRank]?.push(request),
    take: () => waiting.find((requests) => requests.length > 0)?.shift(),
  };
}
