import * as z from "zod";
import type { MachineRow } from "../../observe/machines-page.ts";

/** Body of the daemon's `/debug/status`; what a newer daemon adds passes. */
export const statusPageSchema = z.looseObject({
  node: z.string(),
  version: z.string(),
  pid: z.number(),
  startedAt: z.number(),
  readiness: z.looseObject({ serving: z.boolean(), state: z.string(), reasons: z.array(z.string()) }),
  podCIDRs: z.array(z.string()),
  pools: z.array(
    z.looseObject({ prefix: z.string(), size: z.number(), used: z.number(), resting: z.number() }),
  ),
  attachments: z.array(
    z.looseObject({
      key: z.string(),
      podUid: z.string(),
      state: z.string(),
      addresses: z.array(z.string()),
      hostLink: z.string(),
    }),
  ),
  headscale: z.looseObject({
    url: z.string(),
    approval: z.string(),
    state: z.string(),
    connected: z.boolean(),
    failure: z.string(),
  }),
  tailscale: z.looseObject({
    state: z.string(),
    backendState: z.string(),
    loginError: z.string(),
    fresh: z.boolean(),
    self: z
      .looseObject({ hostName: z.string(), online: z.boolean(), addresses: z.array(z.string()) })
      .nullable(),
  }),
  routes: z.array(
    z.looseObject({
      prefix: z.string(),
      kind: z.enum(["own", "peer"]),
      state: z.string(),
      host: z.string(),
      culprit: z.string(),
    }),
  ),
  peers: z.array(
    z.looseObject({
      name: z.string(),
      online: z.boolean(),
      addresses: z.array(z.string()),
      routes: z.array(z.string()),
      path: z.string(),
      endpoint: z.string(),
      relay: z.string(),
    }),
  ),
  guard: z.looseObject({
    state: z.string(),
    repairs: z.record(z.string(), z.number()),
    lastRepairAt: z.number().nullable(),
  }),
  kubernetes: z.looseObject({
    enabled: z.boolean(),
    nodeState: z.string(),
    clusterNodesState: z.string().default("absent"),
    podWatchState: z.string(),
  }),
});

export type StatusPage = z.output<typeof statusPageSchema>;

export interface StatusDocument {
  /** Milliseconds since the epoch, of the node that was asked. */
  readonly at: number;
  readonly status: StatusPage;
  /** Machines past their limit or failed. */
  readonly stuck: readonly MachineRow[];
}
