import { assign, enqueueActions, not, setup } from "xstate";
import type { Failure } from "../../src/domain/failure.ts";
import { bindNodes, type NodeBinding } from "../../src/domain/kubernetes/node-bindings.ts";
import { departuresFor } from "../../src/domain/kubernetes/node-departure.ts";
import {
  changeNodes,
  emptyLedger,
  listNodes,
  type NodeLedger,
  turnLedger,
} from "../../src/domain/kubernetes/node-ledger.ts";
import type { HeadscaleEvent } from "../headscale/headscale-jobs.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import type { Recipient } from "../support/recipient.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import type { WatchedChange, WatchReport } from "../watch/watch-events.ts";
import { watchMachine } from "../watch/watch-machine.ts";
import { type NodeListReport, nodeListMachine } from "./node-list-machine.ts";

/** What the root hears: who may serve the prefixes of the cluster's Nodes; the own one and those in their grace period included. */
export interface ClusterNodesReport {
  readonly type: "nodes.changed";
  readonly bindings: readonly NodeBinding[];
  /** InternalIP addresses of the Nodes, by name; absent while only an earlier life's list is known. */
  readonly addresses?: Readonly<Record<string, readonly string[]>>;
}

interface ClusterNodesInput {
  /** This node's name. */
  readonly seed: string;
  readonly parent: Recipient<ClusterNodesReport>;
  /** Told of Nodes that are gone for good, and whose place in the tailnet it is on this node to clear. */
  readonly headscale: Recipient<HeadscaleEvent>;
}

interface ClusterNodesContext extends ClusterNodesInput {
  /** Null until the list of Nodes is complete. */
  readonly ledger: NodeLedger | null;
  readonly failure: Failure | null;
}

export const clusterNodesLimits = { listing: 60_000, grace: 60_000, crashed: 5_000 };
const limits = clusterNodesLimits;

const keepNews = {
  type: "keepLedger",
  params: ({ context, event }: { context: ClusterNodesContext; event: WatchedChange<"nodes"> }) => {
    const before = context.ledger ?? emptyLedger;
    return event.type === "watch.listed"
      ? listNodes(before, event.items)
      : changeNodes(before, event.changes);
  },
} as const;

/** The cluster's Nodes: who may serve which prefix in the tailnet, and who left for good. */
export const clusterNodesMachine = setup({
  types: {} as MachineTypes & {
    input: ClusterNodesInput;
    context: ClusterNodesContext;
    events: WatchReport<"nodes"> | NodeListReport;
    children: { watch: "watch"; list: "list" };
  },
  actors: { watch: watchMachine, list: nodeListMachine },
  actions: {
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    forgetFailure: assign({ failure: null }),
    keepLedger: enqueueActions(
      ({ context: { seed, parent, headscale, ledger: before }, enqueue }, ledger: NodeLedger) => {
        enqueue.assign({ ledger });
        if (ledger.nodes === before?.nodes) return;
        const bindings = bindingsOf(ledger);
        enqueue.sendTo(parent, { type: "nodes.changed", bindings, addresses: addressesOf(ledger) });
        enqueue.sendTo("list", { type: "list.wanted", bindings });
        for (const { name, podCidrs } of departuresFor(seed, before ?? emptyLedger, ledger))
          enqueue.sendTo(headscale, { type: "node.departed", name, prefixes: podCidrs });
      },
    ),
    /** A child that was started anew knows nothing. */
    tellList: enqueueActions(({ context: { ledger }, enqueue }) => {
      if (ledger !== null) enqueue.sendTo("list", { type: "list.wanted", bindings: bindingsOf(ledger) });
    }),
    /** Until the API server is heard. */
    tellRecalled: enqueueActions(({ context: { ledger, parent }, enqueue }, { bindings }: NodeListReport) => {
      if (ledger === null) enqueue.sendTo(parent, { type: "nodes.changed", bindings });
    }),
  },
  guards: {
    isKnown: ({ context }) => context.ledger !== null,
    someMissing: ({ context }) => Object.keys(context.ledger?.missing ?? {}).length > 0,
  },
  delays: limits,
}).createMachine({
  id: "clusterNodes",
  context: ({ input }) => ({ ...input, ledger: null, failure: null }),
  options: { maxIterations: 1_000 },
  on: {
    "watch.lost": {},
    "watch.restored": {},
    "list.recalled": { actions: { type: "tellRecalled", params: ({ event }) => event } },
  },
  initial: "working",
  states: {
    working: {
      entry: "tellList",
      invoke: [
        {
          id: "watch",
          src: "watch",
          input: ({ context: { seed }, self }) => ({ source: "nodes" as const, seed, parent: self }),
          onError: { target: "crashed", actions: keepError },
        },
        {
          id: "list",
          src: "list",
          input: ({ context: { seed }, self }) => ({ seed, parent: self }),
          onError: { target: "crashed", actions: keepError },
        },
      ],
      on: {
        "watch.listed": { actions: [keepNews, "forgetFailure"] },
        "watch.changed": { actions: keepNews },
      },
      initial: "unknown",
      states: {
        unknown: {
          meta: stuckAfter(
            limits.listing,
            "the cluster's Nodes are not known: peers are judged by the last list, and new ones refused",
          ),
          always: { guard: "isKnown", target: "known" },
        },
        known: {
          initial: "whole",
          states: {
            whole: {
              meta: mayLast("no Node disappeared"),
              always: { guard: "someMissing", target: "parting" },
            },
            parting: {
              meta: stuckAfter(limits.grace, "a Node disappeared; its prefix is soon withdrawn", "info"),
              always: { guard: not("someMissing"), target: "whole" },
              after: {
                grace: {
                  target: "parting",
                  reenter: true,
                  actions: {
                    type: "keepLedger",
                    params: ({ context }) => turnLedger(context.ledger ?? emptyLedger),
                  },
                },
              },
            },
          },
        },
      },
    },
    crashed: {
      meta: stuckAfter(limits.crashed, "the watch of Nodes failed and is being restarted", "error"),
      after: { crashed: "working" },
    },
  },
});

function bindingsOf({ nodes, missing }: NodeLedger): readonly NodeBinding[] {
  return bindNodes(Object.values(nodes), missing);
}

function addressesOf({ nodes }: NodeLedger): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(Object.values(nodes).map(({ name, addresses }) => [name, addresses]));
}
