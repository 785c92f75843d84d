import type { ActorRefFrom, AnyActorRef, AnyMachineSnapshot } from "xstate";
import type { headcniMachine } from "../../../machines/headcni/headcni-machine.ts";
import type { PodContext } from "../../../machines/pod/pod-setup.ts";
import type { Config } from "../../config/config-schema.ts";
import type { Failure } from "../../domain/failure.ts";
import { version } from "../../protocol/version.ts";
import { type DaemonView, pathOf, tailnetOf } from "../machines/daemon-view.ts";
import { stateName } from "../machines/state-name.ts";
import type { StatusPage } from "./status-page.ts";

/** The status read off the machines when it is called; `startedAt` in ms since the epoch. */
export function nodeStatus(
  root: ActorRefFrom<typeof headcniMachine>,
  view: DaemonView,
  config: Config,
  startedAt: number,
): StatusPage {
  const { children, context } = root.getSnapshot();
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
    readiness: view.readiness(),
    podCIDRs: context.ownPrefixes,
    pools: view.pools(),
    attachments: Object.values(children.pods?.getSnapshot().children ?? {}).flatMap((child) =>
      attachmentRow(child?.getSnapshot()),
    ),
    headscale: {
      url: config.headscale.url,
      approval: config.headscale.approval,
      state: stateOf("headscale"),
      connected: children.health?.getSnapshot().matches({ control: "ok" }) ?? false,
      failure: failure?.message ?? "",
    },
    tailscale: {
      state:
        session === undefined
          ? stateOf(config.tailscale.mode === "host" ? "owner" : "tailscaled")
          : stateName(session.value),
      needsLogin: session?.matches("needsLogin") ?? false,
      backendState: tailnet?.backendState ?? "NoState",
      loginError: tailnet?.loginError ?? "",
      fresh: tailnet?.fresh ?? false,
      self: tailnet?.self ?? null,
    },
    routes: view.routes(),
    strangers: view.strangers(),
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
function attachmentRow(snapshot: unknown): StatusPage["attachments"] {
  const { value, context } = snapshot as AnyMachineSnapshot;
  const plan = (context as Partial<PodContext> | undefined)?.plan;
  if (plan === undefined) return [];
  const { key, podUid, addresses, hostLink } = plan;
  return [{ key, podUid, state: stateName(value), addresses, hostLink }];
}
