import { assign, enqueueActions, sendTo, setup } from "xstate";
import type { Failure } from "../../src/domain/failure.ts";
import type { ClusterNode, NetworkCondition } from "../../src/domain/kubernetes-objects.ts";
import { departuresFor } from "../../src/domain/node-departure.ts";
import {
  changeNodes,
  emptyLedger,
  listNodes,
  type NodeLedger,
  turnLedger,
} from "../../src/domain/node-ledger.ts";
import { judgePodCidrs, samePodCidrs } from "../../src/domain/node-pod-cidrs.ts";
import { notProvided } from "../support/not-provided.ts";
import type { StateMeta } from "../support/state-limit.ts";
import type { WatchReport } from "../watch/watch-events.ts";
import { watchMachine } from "../watch/watch-machine.ts";
import { nodeConditionMachine } from "./node-condition-machine.ts";
import type { NodeContext, NodeEvent, NodeInput, NodeReport } from "./node-events.ts";

type News = Extract<WatchReport, { type: "watch.listed" | "watch.changed" }>;
export type OwnNews = Extract<News, { source: "ownNode" }>;
export type NodesNews = Extract<News, { source: "nodes" }>;

/** Limits of the states, in ms: for `meta` and for `after` alike. */
export const nodeLimits = {
  recalling: 2_000,
  /** With something remembered the API server gets this long: the first ADD must not wait longer. */
  hoping: 500,
  waiting: 60_000,
  remembering: 5_000,
  unconfirmed: 60_000,
  absent: 60_000,
  conflicting: 60_000,
  moved: 10_000,
  listing: 60_000,
  grace: 60_000,
  crashed: 5_000,
};

export function initialNode(input: NodeInput): NodeContext {
  return {
    ...input,
    inForce: [],
    remembered: [],
    own: "unheard",
    attachments: "unknown",
    ledger: emptyLedger,
    listed: false,
    wanted: null,
    failure: null,
  };
}

/** Vocabulary of the node machine: what its chart in node-machine.ts is written with. */
export const nodeSetup = setup({
  types: {
    input: {} as NodeInput,
    context: {} as NodeContext,
    events: {} as NodeEvent,
    meta: {} as StateMeta,
    children: {} as { ownWatch: "watch"; nodesWatch: "watch"; condition: "condition" },
  },
  actors: {
    watch: watchMachine,
    condition: nodeConditionMachine,
    /** The pod CIDRs of an earlier life; empty when there was none. */
    recall: notProvided<readonly string[], void>("node.recall"),
    remember: notProvided<void, { readonly podCidrs: readonly string[] }>("node.remember"),
  },
  actions: {
    keepRemembered: assign({ remembered: (_, prefixes: readonly string[]) => prefixes }),
    keepFailure: assign({ failure: (_, failure: Failure) => failure }),
    keepCount: assign({ attachments: (_, { count }: { readonly count: number }) => count }),
    keepOwn: assign({
      own: (_, news: OwnNews) => {
        if (news.type === "watch.listed") return news.items[0] ?? "absent";
        const last = news.changes.at(-1);
        return last?.kind === "put" ? last.item : "absent";
      },
    }),
    /** They are in force from now on. */
    adopt: enqueueActions(({ enqueue, context }, prefixes: readonly string[]) => {
      enqueue.assign({ inForce: prefixes });
      enqueue.sendTo(context.parent, { type: "node.podCIDRs", prefixes });
    }),
    report: sendTo(
      ({ context }) => context.parent,
      (_, report: NodeReport) => report,
    ),
    keepNodes: enqueueActions(({ context, enqueue }, news: NodesNews) => {
      const ledger =
        news.type === "watch.listed"
          ? listNodes(context.ledger, news.items)
          : changeNodes(context.ledger, news.changes);
      if (ledger === context.ledger && context.listed) return;
      enqueue.assign({ ledger, listed: true });
      enqueue.sendTo(context.parent, { type: "nodes.changed", nodes: nodesOf(ledger) });
    }),
    turn: enqueueActions(({ context, enqueue }) => {
      const ledger = turnLedger(context.ledger);
      enqueue.assign({ ledger });
      if (ledger.nodes === context.ledger.nodes) return;
      enqueue.sendTo(context.parent, { type: "nodes.changed", nodes: nodesOf(ledger) });
      const nodes = departuresFor(context.seed, context.ledger, ledger);
      if (nodes.length > 0) enqueue.sendTo(context.parent, { type: "nodes.departed", nodes });
    }),
    keepWanted: assign({ wanted: (_, condition: NetworkCondition) => condition }),
    tellWanted: enqueueActions(({ context: { wanted }, enqueue }) => {
      if (wanted !== null) enqueue.sendTo("condition", { type: "condition.wanted", condition: wanted });
    }),
    tellSeen: sendTo("condition", ({ context: { own } }) => ({
      type: "condition.seen" as const,
      network: typeof own === "string" ? "absent" : own.network,
    })),
  },
  guards: {
    knows: ({ context }) => context.inForce.length > 0,
    isConfigured: ({ context }) => context.configured.length > 0,
    remembers: ({ context: { remembered, supernets } }) => judgePodCidrs(remembered, supernets).usable,
    isOwn: (_, { source }: { readonly source: string }) => source === "ownNode",
    isOwnAndRemembers: ({ context }, { source }: { readonly source: string }) =>
      source === "ownNode" && judgePodCidrs(context.remembered, context.supernets).usable,
    isNodes: (_, { source }: { readonly source: string }) => source === "nodes",
    isUsable: ({ context }) => foundPrefixes(context) !== undefined,
    isUnheard: ({ context }) => context.own === "unheard",
    isAbsent: ({ context }) => context.own === "absent",
    /** Also while the Node has none yet, as after it was deleted and registered again. */
    agrees: ({ context: { own, inForce } }) =>
      typeof own !== "string" && (own.podCidrs.length === 0 || samePodCidrs(own.podCidrs, inForce)),
    mayMove: ({ context }) =>
      context.configured.length === 0 && context.attachments === 0 && foundPrefixes(context) !== undefined,
    someMissing: ({ context }) => Object.keys(context.ledger.missing).length > 0,
    noneMissing: ({ context }) => Object.keys(context.ledger.missing).length === 0,
  },
  delays: nodeLimits,
});

/** What the Node has, if it can be worked with. */
export function foundPrefixes({ own, supernets }: NodeContext): readonly string[] | undefined {
  if (typeof own === "string") return undefined;
  const verdict = judgePodCidrs(own.podCidrs, supernets);
  return verdict.usable ? verdict.prefixes : undefined;
}

/** Why there are no pod CIDRs yet. */
export function whyNone({ own, supernets, failure }: NodeContext): string {
  if (own === "unheard")
    return `the API server has not been heard yet${failure === null ? "" : `: ${failure.message}`}`;
  if (own === "absent") return "there is no Node of this name yet: does the kubelet run?";
  const verdict = judgePodCidrs(own.podCidrs, supernets);
  return verdict.usable ? "" : verdict.problem;
}

/** What the Node has against what is in force. */
export function whyConflicting({ own, inForce, configured }: NodeContext): string {
  const found = typeof own === "string" ? "" : own.podCidrs.join(", ");
  const way =
    configured.length === 0 ? "drain the node, then it takes the new one" : "network.nodePodCIDR must agree";
  return `the Node's pod CIDR is ${found}, but this node works with ${inForce.join(", ")}: ${way}`;
}

function nodesOf({ nodes }: NodeLedger): readonly ClusterNode[] {
  return Object.values(nodes);
}
