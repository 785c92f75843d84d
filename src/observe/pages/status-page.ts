import * as z from "zod";
import type { PageOf } from "./page-of.ts";

/** Body of `/ready`. */
export const readinessSchema = z.looseObject({
  serving: z.boolean(),
  state: z.string(),
  reasons: z.array(z.string()).default([]),
});

/**
 * Body of `/debug/status`: one node at one moment, for people and `headcnictl status`. States are "absent" without their machine. What
 * a newer daemon adds passes.
 */
export const statusPageSchema = z.looseObject({
  node: z.string(),
  version: z.string(),
  pid: z.number(),
  /** Milliseconds since the epoch. */
  startedAt: z.number(),
  readiness: readinessSchema,
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
    /** tailscaled is in map poll with Headscale. */
    connected: z.boolean(),
    /** Why the last request to Headscale's API failed; empty when it did not. */
    failure: z.string(),
  }),
  tailscale: z.looseObject({
    state: z.string(),
    /** Headscale does not know this node. */
    needsLogin: z.boolean().default(false),
    backendState: z.string(),
    loginError: z.string(),
    /** The netmap is from Headscale, not from before tailscaled's start. */
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
  /** Prefixes that are announced and no Node's, also those that are not among the routes. */
  strangers: z.number().default(0),
  peers: z.array(
    z.looseObject({
      name: z.string(),
      online: z.boolean(),
      addresses: z.array(z.string()),
      routes: z.array(z.string()),
      path: z.string(),
      /** "ip:port" of a direct path; empty otherwise. */
      endpoint: z.string(),
      /** DERP region of the peer's home relay; empty when unknown. */
      relay: z.string(),
    }),
  ),
  guard: z.looseObject({
    state: z.string(),
    repairs: z.record(z.string(), z.number()),
    /** Milliseconds since the epoch; null without any. */
    lastRepairAt: z.number().nullable(),
  }),
  kubernetes: z.looseObject({
    enabled: z.boolean(),
    nodeState: z.string(),
    clusterNodesState: z.string().default("absent"),
    podWatchState: z.string(),
  }),
});

export type StatusPage = PageOf<typeof statusPageSchema>;
