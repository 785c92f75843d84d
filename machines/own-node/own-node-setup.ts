import { assign, enqueueActions, sendTo, setup } from "xstate";
import { hostAndPort } from "../../src/domain/addresses/host-and-port.ts";
import { parsePrefix, routerAddress } from "../../src/domain/addresses/prefix.ts";
import type { Failure } from "../../src/domain/failure.ts";
import type { NetworkCondition } from "../../src/domain/kubernetes/kubernetes-objects.ts";
import { publishedAddresses } from "../../src/domain/kubernetes/node-address.ts";
import { judgePodCidrs, samePodCidrs } from "../../src/domain/kubernetes/node-pod-cidrs.ts";
import { keep } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided } from "../support/not-provided.ts";
import type { WatchedChange } from "../watch/watch-events.ts";
import { watchMachine } from "../watch/watch-machine.ts";
import { type NodeAddressEvent, nodeAddressMachine } from "./node-address-machine.ts";
import { nodeConditionMachine } from "./node-condition-machine.ts";
import { nodeIdentityMachine } from "./node-identity-machine.ts";
import type {
  NodeJoined,
  OwnNodeContext,
  OwnNodeEvent,
  OwnNodeFact,
  OwnNodeInput,
  OwnNodeReport,
} from "./own-node-events.ts";

/** Limits of the states, in ms: for `meta` and for `after` alike. */
export const ownNodeLimits = {
  recalling: 2_000,
  /** With something remembered the API server gets this long: the first ADD must not wait longer. */
  awaitingApiServer: 500,
  awaitingPodCidr: 60_000,
  remembering: 5_000,
  unconfirmed: 60_000,
  absent: 60_000,
  conflicting: 60_000,
  moved: 10_000,
  crashed: 5_000,
};

export function initialOwnNode(input: OwnNodeInput): OwnNodeContext {
  return {
    ...input,
    inForce: [],
    remembered: [],
    own: "unheard",
    attachments: "unknown",
    wanted: null,
    tailnetNodeId: "",
    failure: null,
  };
}

/** Vocabulary of the machine: what its chart in own-node-machine.ts is written with. */
export const ownNodeSetup = setup({
  types: {} as MachineTypes & {
    input: OwnNodeInput;
    context: OwnNodeContext;
    events: OwnNodeEvent;
    children: { watch: "watch"; condition: "condition"; identity: "identity"; address: "address" };
  },
  actors: {
    watch: watchMachine,
    condition: nodeConditionMachine,
    identity: nodeIdentityMachine,
    address: nodeAddressMachine,
    /** The pod CIDRs of an earlier life; empty when there was none. */
    recall: notProvided<readonly string[], void>("node.recall"),
    remember: notProvided<void, { readonly podCidrs: readonly string[] }>("node.remember"),
  },
  actions: {
    keepRemembered: assign({ remembered: (_, prefixes: readonly string[]) => prefixes }),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    forgetFailure: assign({ failure: null }),
    keepCount: assign({ attachments: (_, { count }: { readonly count: number }) => count }),
    keepOwn: assign({
      own: (_, news: WatchedChange<"ownNode">) => {
        if (news.type === "watch.listed") return news.items[0] ?? "absent";
        const last = news.changes.at(-1);
        return last?.kind === "put" ? last.item : "absent";
      },
    }),
    /** They are in force from now on. */
    adopt: enqueueActions(({ enqueue, context }, prefixes: readonly string[]) => {
      enqueue.assign({ inForce: prefixes });
      enqueue.sendTo(context.parent, { type: "node.podCIDRs", prefixes });
      enqueue.sendTo("address", addressKnown({ ...context, inForce: prefixes }));
    }),
    /** Under a conflict new pods would get addresses that peers do not route here. */
    report: enqueueActions(({ context: { health, pods }, enqueue }, fact: OwnNodeFact) => {
      enqueue.sendTo(health, fact);
      const reason = fact.type === "node.conflicting" ? fact.reason : "";
      if (fact.type !== "node.waiting") enqueue.sendTo(pods, { type: "pods.refuseAttach", reason });
    }),
    reportMoved: sendTo(
      ({ context }) => context.parent,
      ({ context }): OwnNodeReport => ({ type: "node.moved", prefixes: foundPrefixes(context) ?? [] }),
    ),
    keepWanted: assign({ wanted: (_, condition: NetworkCondition) => condition }),
    keepJoined: assign({ tailnetNodeId: (_, { nodeId }: NodeJoined) => nodeId }),
    tellWanted: enqueueActions(({ context, enqueue }) => {
      const { wanted, tailnetNodeId: nodeId } = context;
      const identity = { nodeId, metricsAt: metricsAt(context) };
      if (wanted !== null) enqueue.sendTo("condition", { type: "condition.wanted", condition: wanted });
      if (nodeId !== "") enqueue.sendTo("identity", { type: "identity.wanted", identity });
      enqueue.sendTo("address", addressKnown(context));
    }),
    tellSeen: enqueueActions(({ context, enqueue }) => {
      const { own } = context;
      const seen = typeof own === "string" ? undefined : own;
      enqueue.sendTo("condition", {
        type: "condition.seen",
        network: seen === undefined ? "absent" : seen.network,
      });
      enqueue.sendTo("identity", {
        type: "identity.seen",
        identity: seen === undefined ? null : { nodeId: seen.tailnetNodeId, metricsAt: seen.metricsAt },
      });
      enqueue.sendTo("address", addressKnown(context));
    }),
  },
  guards: {
    knows: ({ context }) => context.inForce.length > 0,
    isConfigured: ({ context }) => context.configured.length > 0,
    remembers: ({ context: { remembered, supernets } }) => judgePodCidrs(remembered, supernets).usable,
    isUsable: ({ context }) => foundPrefixes(context) !== undefined,
    isUnheard: ({ context }) => context.own === "unheard",
    isAbsent: ({ context }) => context.own === "absent",
    /** Also while the Node has none yet, as after it was deleted and registered again. */
    agrees: ({ context: { own, inForce } }) =>
      typeof own !== "string" && (own.podCidrs.length === 0 || samePodCidrs(own.podCidrs, inForce)),
    mayMove: ({ context }) =>
      context.configured.length === 0 && context.attachments === 0 && foundPrefixes(context) !== undefined,
  },
  delays: ownNodeLimits,
});

function addressKnown({ own, inForce, wanted }: OwnNodeContext): NodeAddressEvent {
  const node = typeof own === "string" ? null : own;
  return {
    type: "address.known",
    node: node?.addressing ?? null,
    routers: publishedAddresses(inForce, node?.podCidrs ?? []),
    reachable: wanted?.status === "False",
  };
}

/** Pod CIDRs come before the login that makes an identity of them: it stands on their routes. */
function metricsAt({ inForce: [prefix], metricsPort }: OwnNodeContext): string {
  if (prefix === undefined || metricsPort === null) return "";
  return hostAndPort(routerAddress(parsePrefix(prefix)), metricsPort);
}

/** What the Node has, if it can be worked with. */
export function foundPrefixes({ own, supernets }: OwnNodeContext): readonly string[] | undefined {
  if (typeof own === "string") return undefined;
  const verdict = judgePodCidrs(own.podCidrs, supernets);
  return verdict.usable ? verdict.prefixes : undefined;
}

/** Why there are no pod CIDRs yet. */
export function whyNone({ own, supernets, failure }: OwnNodeContext): string {
  if (own === "unheard")
    return `the API server has not been heard yet${failure === null ? "" : `: ${failure.message}`}`;
  if (own === "absent") return "there is no Node of this name yet: does the kubelet run?";
  const verdict = judgePodCidrs(own.podCidrs, supernets);
  return verdict.usable ? "" : verdict.problem;
}

/** What the Node has against what is in force. */
export function whyConflicting({ own, inForce, configured }: OwnNodeContext): string {
  const found = typeof own === "string" ? "" : own.podCidrs.join(", ");
  const way =
    configured.length === 0 ? "drain the node, then it takes the new one" : "network.nodePodCIDR must agree";
  return `the Node's pod CIDR is ${found}, but this node works with ${inForce.join(", ")}: ${way}`;
}
