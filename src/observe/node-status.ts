import type { ActorRefFrom, AnyActorRef, AnyMachineSnapshot } from "xstate";
import type { headcniMachine } from "../../machines/headcni/headcni-machine.ts";
import type { PodContext } from "../../machines/pod/pod-setup.ts";
import { type RouteRow, routeRows } from "../../machines/routes/route-rows.ts";
import type { Config } from "../config/config-schema.ts";
import { type PoolNumbers, poolNumbers } from "../domain/address-pool.ts";
import type { Failure } from "../domain/failure.ts";
import type { Readiness } from "../domain/health-level.ts";
import type { TailnetSelf } from "../domain/tailnet-status.ts";
import { version } from "../version.ts";
import { pathOf, readinessOf, tailnetOf } from "./daemon-view.ts";
import { stateName } from "./state-name.ts";

/** Body of `/debug/status`: one node at one moment, for people and `headcnictl status`. States are "absent" without their machine. */
export interface NodeStatus {
  readonly node: string;
  readonly version: string;
  readonly pid: number;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly readiness: Readiness;
  readonly podCIDRs: readonly string[];
  readonly pools: readonly PoolNumbers[];
  readonly attachments: readonly AttachmentRow[];
  readonly headscale: {
    readonly url: string;
    readonly approval: string;
    readonly state: string;
    /** tailscaled is in map poll with Headscale. */
    readonly connected: boolean;
    /** Why the last request to Headscale's API failed; empty when it did not. */
    readonly failure: string;
  };
  readonly tailscale: {
    readonly state: string;
    readonly backendState: string;
    readonly loginError: string;
    /** The netmap is from Headscale, not from before tailscaled's start. */
    readonly fresh: boolean;
    readonly self: TailnetSelf | null;
  };
  readonly routes: readonly RouteRow[];
  readonly peers: readonly PeerStatus[];
  readonly guard: {
    readonly state: string;
    readonly repairs: Readonly<Record<string, number>>;
    /** Milliseconds since the epoch; null without any. */
    readonly lastRepairAt: number | null;
  };
  readonly kubernetes: {
    readonly enabled: boolean;
    readonly nodeState: string;
    readonly clusterNodesState: string;
    readonly podWatchState: string;
  };
}

export interface AttachmentRow {
  readonly key: string;
  readonly podUid: string;
  readonly state: string;
  readonly addresses: readonly string[];
  readonly hostLink: string;
}

export interface PeerStatus {
  readonly name: string;
  readonly online: boolean;
  readonly addresses: readonly string[];
  readonly routes: readonly string[];
  readonly path: "direct" | "relay" | "none";
  /** "ip:port" of a direct path; empty otherwise. */
  readonly endpoint: string;
  /** DERP region of the peer's home relay; empty when unknown. */
  readonly relay: string;
}

/** The status read off the machines when it is called; `startedAt` in ms since the epoch. */
export function nodeStatus(
  root: ActorRefFrom<typeof headcniMachine>,
  config: Config,
  startedAt: number,
): NodeStatus {
  const { children, context } = root.getSnapshot();
  const pods = children.pods?.getSnapshot();
  const routes = children.routes?.getSnapshot().context;
  const session = tailnetOf(root);
  const tailnet = session?.context.status;
  const guard = children.guard?.getSnapshot().context;
  const machineOf = (child: string) =>
    (children as Readonly<Record<string, AnyActorRef | undefined>>)[child]?.getSnapshot() as
      | AnyMachineSnapshot
      | undefined;
  const stateOf = (child: string) => {
    const machine = machineOf(child);
    return machine === undefined ? "absent" : stateName(machine.value);
  };
  const failure = (machineOf("headscale")?.context as { readonly failure?: Failure } | undefined)?.failure;
  const lastRepairs = Object.values(guard?.ledger.streaks ?? {}).map(({ lastAt }) => lastAt);
  return {
    node: config.nodeName,
    version,
    pid: process.pid,
    startedAt,
    readiness: readinessOf(root.getSnapshot()),
    podCIDRs: context.ownPrefixes,
    pools: (pods?.context.pools ?? []).map(poolNumbers),
    attachments: Object.values(pods?.children ?? {}).flatMap((child) => attachmentRow(child?.getSnapshot())),
    headscale: {
      url: config.headscale.url,
      approval: config.headscale.approval,
      state: stateOf("headscale"),
      connected: children.health?.getSnapshot().context.facts.control === "",
      failure: failure?.message ?? "",
    },
    tailscale: {
      state: session === undefined ? stateOf("tailscaled") : stateName(session.value),
      backendState: tailnet?.backendState ?? "NoState",
      loginError: tailnet?.loginError ?? "",
      fresh: tailnet?.fresh ?? false,
      self: tailnet?.self ?? null,
    },
    routes: routes === undefined ? [] : routeRows(routes.ownRows, routes.peers),
    peers: (tailnet?.peers ?? []).map((peer) => ({
      name: peer.hostName,
      online: peer.online,
      addresses: peer.addresses,
      routes: peer.primaryRoutes,
      path: pathOf(peer),
      endpoint: peer.currentAddress,
      relay: peer.relay,
    })),
    guard: {
      state: stateOf("guard"),
      repairs: guard?.ledger.repairs ?? {},
      lastRepairAt:
        lastRepairs.length === 0
          ? null
          : Math.round(Date.now() - (performance.now() - Math.max(...lastRepairs))),
    },
    kubernetes: {
      enabled: config.kubernetes.enabled,
      nodeState: stateOf("ownNode"),
      clusterNodesState: stateOf("clusterNodes"),
      podWatchState: stateOf("podWatch"),
    },
  };
}

/** What a pod says of itself; nothing for the registry's other children. */
function attachmentRow(snapshot: unknown): readonly AttachmentRow[] {
  const { value, context } = snapshot as AnyMachineSnapshot;
  const plan = (context as Partial<PodContext> | undefined)?.plan;
  if (plan === undefined) return [];
  const { key, podUid, addresses, hostLink } = plan;
  return [{ key, podUid, state: stateName(value), addresses, hostLink }];
}
