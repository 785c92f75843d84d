import type { ActorRefFrom } from "xstate";
import type { headcniMachine } from "../../../machines/headcni/headcni-machine.ts";
import { levelOf } from "../../../machines/health/health-setup.ts";
import type { PolicyContext } from "../../../machines/policy/policy-events.ts";
import { routeRows } from "../../../machines/routes/route-rows.ts";
import { poolNumbers } from "../../domain/addresses/address-pool.ts";
import { guardInvariants } from "../../domain/guard/guard-invariants.ts";
import type { Readiness } from "../../domain/health-level.ts";
import { unreadablePolicies } from "../../domain/policy/policy-book.ts";
import type { TailnetPeer } from "../../domain/tailnet/tailnet-status.ts";
import type { LiveSources, PolicyCounts } from "../metrics/live-metrics.ts";

type Root = ActorRefFrom<typeof headcniMachine>;

/** What pages and gauges tell of the daemon, read off its machines at the moment somebody asks. */
export function daemonView(root: Root) {
  const children = () => root.getSnapshot().children;
  return {
    /** One per pod CIDR of this node. */
    pools: () => children().pods?.getSnapshot().context.pools.map(poolNumbers) ?? [],
    routes: () => {
      const routes = children().routes?.getSnapshot().context;
      return routes === undefined ? [] : routeRows(routes.ownRows, routes.peers);
    },
    strangers: () => children().routes?.getSnapshot().context.strangers ?? 0,
    peerPaths: () =>
      (tailnetOf(root)?.context.status.peers ?? []).map((peer) => ({
        peer: peer.hostName,
        path: pathOf(peer),
      })),
    // With its zeros, or the first repairs would be no increase.
    guardRepairs: () => {
      const repairs = children().guard?.getSnapshot().context.ledger.repairs ?? {};
      return guardInvariants.map((invariant) => ({ invariant, count: repairs[invariant] ?? 0 }));
    },
    nodeAddressPublished: () => {
      const ownNode = children().ownNode?.getSnapshot();
      const address = ownNode?.children.address?.getSnapshot();
      return ownNode?.context.publishesAddress ? (address?.matches("published") ?? false) : undefined;
    },
    policies: () => {
      const policy = children().policy?.getSnapshot();
      return policy === undefined
        ? undefined
        : policyCounts(policy.context, policy.children.flows?.getSnapshot().context.ended ?? 0);
    },
    /** Body of `/ready`. */
    readiness: (): Readiness => {
      const health = children().health?.getSnapshot();
      if (health === undefined)
        return { serving: false, state: "unproven", reasons: ["the daemon has ended"] };
      return levelOf(health).readiness;
    },
  } satisfies LiveSources;
}

function policyCounts({ ledger, enforced }: PolicyContext, ended: number): PolicyCounts {
  const unreadable = unreadablePolicies(ledger.policies).length;
  const refused = new Set((enforced?.problems ?? []).flatMap(({ policies }) => policies)).size;
  const all = Object.keys(ledger.policies).length;
  return {
    policies: { enforced: Math.max(all - unreadable - refused, 0), unreadable, refused },
    ...(enforced?.numbers ?? { isolated: 0, elements: 0 }),
    ended,
  };
}

export type DaemonView = ReturnType<typeof daemonView>;

/** The session with the tailscaled that runs, while there is one. */
export function tailnetOf(root: Root) {
  const { tailscaled, owner } = root.getSnapshot().children;
  return (tailscaled ?? owner)?.getSnapshot().children.tailnet?.getSnapshot();
}

/** A peer without a direct address in use is reached through its relay, or idle: the status does not tell these apart. */
export function pathOf({ online, currentAddress }: TailnetPeer): "direct" | "relay" | "none" {
  if (currentAddress !== "") return "direct";
  return online ? "relay" : "none";
}
