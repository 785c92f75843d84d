import { assign, enqueueActions, setup } from "xstate";
import { backoffDelay } from "../../src/domain/backoff.ts";
import type { Failure } from "../../src/domain/failure.ts";
import type { AttachedPod } from "../../src/domain/policy/network-policy.ts";
import { unreadablePolicies } from "../../src/domain/policy/policy-book.ts";
import {
  awaitsLabels,
  emptyPolicyLedger,
  hearPolicyNews,
  memoryOf,
  nodesOf,
  type PolicyLedger,
  type PolicyMemory,
  type PolicyNews,
  type PolicySource,
  policySources,
  withAttached,
  withoutAttached,
} from "../../src/domain/policy/policy-ledger.ts";
import { problemFailure, refusalFailure } from "../../src/domain/policy/policy-problems.ts";
import type { ClusterNodesReport } from "../cluster-nodes/cluster-nodes-machine.ts";
import { keep } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided, notProvidedSource } from "../support/not-provided.ts";
import type { Recipient } from "../support/recipient.ts";
import { watchMachine } from "../watch/watch-machine.ts";
import type {
  Enforced,
  PoliciesInForce,
  PolicyContext,
  PolicyEvent,
  PolicyInput,
  PolicyOrder,
} from "./policy-events.ts";
import { policyFlowsMachine } from "./policy-flows-machine.ts";
import { policyMemoryMachine } from "./policy-memory-machine.ts";

/** Limits of the states, in ms: for `meta` and for `after` alike. */
export const policyLimits = {
  recalling: 5_000,
  listing: 60_000,
  stale: 60_000,
  /** An API server that does not answer for so long is away: what the state directory has counts. */
  trust: 4_000,
  enforce: 10_000,
  /** Between two changes of the table, but for a pod that waits. */
  spacing: 50,
  /** For the watch to tell of a pod that its node's kubelet knows already. */
  labels: 2_000,
  problem: 60_000,
  crashed: 5_000,
} as const;
const reload = { firstMs: 200, maxMs: 10_000 };
export const policyPauses = { reload: reload.maxMs } as const;

export function initialPolicy({ seed }: PolicyInput): PolicyContext {
  return {
    seed,
    ledger: emptyPolicyLedger,
    heard: [],
    lost: [],
    nodesKnown: false,
    recovered: false,
    kept: null,
    order: { ledger: emptyPolicyLedger, whole: true },
    inForce: null,
    enforced: null,
    changed: null,
    waiting: {},
    insisted: [],
    failures: 0,
    failure: null,
  };
}

/** Vocabulary of the policy machine: what its chart in policy-machine.ts is written with. */
export const policySetup = setup({
  types: {} as MachineTypes & {
    input: PolicyInput;
    context: PolicyContext;
    events: PolicyEvent;
    children: {
      policies: "watch";
      namespaces: "watch";
      pods: "watch";
      memory: "memory";
      flows: "flows";
    };
  },
  actors: {
    watch: watchMachine,
    memory: policyMemoryMachine,
    flows: policyFlowsMachine,
    /** What an earlier daemon wrote down; null where there is nothing. */
    recall: notProvided<PolicyMemory | null, void>("policy.recall"),
    /** Has what follows from the ledger be in force, all at once or not at all. */
    enforce: notProvided<Enforced, PolicyOrder>("policy.enforce"),
    /** Sends `table.changed` for what is no change of `enforce`. */
    watchTable: notProvidedSource<PolicyEvent, undefined>("policy.watchTable"),
  },
  actions: {
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    forgetFailure: assign({ failure: null }),
    hear: enqueueActions(({ context, enqueue }, news: PolicyNews) => {
      const { ledger, problems } = hearPolicyNews(context.ledger, news);
      const heard = news.type === "watch.listed" ? withOne(context.heard, news.source) : context.heard;
      enqueue.assign({ ledger, heard });
      if (news.type === "watch.listed") enqueue.assign({ lost: without(context.lost, news.source) });
      // What was never heard as a whole is not worth keeping.
      if (isWhole(heard) && (ledger !== context.ledger || !isWhole(context.heard)))
        enqueue.sendTo("memory", { type: "memory.wanted", memory: memoryOf(ledger) });
      for (const problem of problems) keep(enqueue, problemFailure(problem));
    }),
    doubt: assign({
      lost: ({ context }, { source }: { readonly source: PolicySource }) => withOne(context.lost, source),
    }),
    /** Until it is listed again. */
    doubtAll: assign({ lost: policySources }),
    trustAgain: assign({
      lost: ({ context }, { source }: { readonly source: PolicySource }) => without(context.lost, source),
    }),
    keepNodes: assign(({ context: { ledger } }, { bindings, addresses }: ClusterNodesReport) => ({
      ledger: { ...ledger, nodes: nodesOf(bindings, addresses) },
      nodesKnown: true,
    })),
    noteRecovered: assign({ recovered: true }),
    keepRecalled: assign(({ context: { ledger } }, kept: PolicyMemory | null) => ({
      kept,
      ledger: { ...ledger, ...kept },
    })),
    want: assign(
      (
        { context },
        {
          key,
          pod,
          replyTo,
        }: {
          readonly key: string;
          readonly pod: AttachedPod;
          readonly replyTo: Recipient<PoliciesInForce> | null;
        },
      ) => ({
        ledger: withAttached(context.ledger, key, pod),
        waiting: replyTo === null ? context.waiting : { ...context.waiting, [key]: replyTo },
        insisted: without(context.insisted, key),
      }),
    ),
    release: assign(({ context }, { key }: { readonly key: string }) => {
      const { [key]: _gone, ...waiting } = context.waiting;
      return {
        ledger: withoutAttached(context.ledger, key),
        waiting,
        insisted: without(context.insisted, key),
      };
    }),
    insist: assign({ insisted: ({ context }) => Object.keys(context.waiting) }),
    answer: enqueueActions(({ context, enqueue }) => {
      const ready = readyIn(context);
      for (const key of ready) {
        const replyTo = context.waiting[key];
        if (replyTo !== undefined) enqueue.sendTo(replyTo, { type: "policies.inForce" });
      }
      enqueue.assign({
        waiting: Object.fromEntries(Object.entries(context.waiting).filter(([key]) => !ready.includes(key))),
        insisted: context.insisted.filter((key) => !ready.includes(key)),
      });
    }),
    orderNext: assign(({ context: { ledger, changed } }) => ({
      order: { ledger, whole: changed !== null },
      changed: null,
    })),
    keepInForce: enqueueActions(({ context, enqueue }, enforced: Enforced) => {
      enqueue.assign({ inForce: context.order.ledger, enforced, failures: 0 });
      if (enforced.narrows) enqueue.sendTo("flows", { type: "flows.narrowed" });
    }),
    /** A child that was started anew knows nothing. */
    tellFlows: enqueueActions(({ context, enqueue }) => {
      if (context.inForce !== null) enqueue.sendTo("flows", { type: "flows.narrowed" });
    }),
    tellMemory: enqueueActions(({ context: { ledger, heard }, enqueue }) => {
      if (isWhole(heard)) enqueue.sendTo("memory", { type: "memory.wanted", memory: memoryOf(ledger) });
    }),
    suspect: assign((_, changed: Failure) => ({ changed })),
    keepChange: enqueueActions(({ context, enqueue }) => {
      if (context.changed !== null) keep(enqueue, context.changed);
    }),
    countFailure: assign({ failures: ({ context }) => context.failures + 1 }),
    keepProblem: enqueueActions(({ context, enqueue }) => {
      for (const failure of problemsIn(context)) keep(enqueue, failure);
    }),
  },
  guards: {
    isCurrent: ({ context: { heard, lost } }) => isWhole(heard) && lost.length === 0,
    isLost: ({ context }) => context.lost.length > 0,
    canPlan: ({ context: { recovered, nodesKnown, heard } }) => recovered && nodesKnown && isWhole(heard),
    canPlanByMemory: ({ context: { recovered, nodesKnown, kept } }) =>
      recovered && nodesKnown && kept !== null,
    differs: ({ context: { ledger, inForce } }) => ledger !== inForce,
    isChanged: ({ context }) => context.changed !== null,
    /** Somebody waits for what is not in force yet. */
    isAwaited: ({ context }) => judgedBy(context, context.ledger).length > readyIn(context).length,
    isReady: ({ context }) => readyIn(context).length > 0,
    lacksLabels: ({ context }) =>
      judgedBy(context, context.ledger).length < Object.keys(context.waiting).length,
    hasProblem: ({ context }) => problemsIn(context).length > 0,
  },
  delays: {
    ...policyLimits,
    reload: ({ context }) => backoffDelay(context.failures - 1, reload, context.seed),
  },
});

function isWhole(heard: readonly PolicySource[]): boolean {
  return heard.length === policySources.length;
}

/** Whose policies are in force, by key. */
function readyIn(context: PolicyContext): readonly string[] {
  return judgedBy(context, context.inForce);
}

/** Who waits and is judged by a ledger as it is now, labels included where they are waited for. */
function judgedBy(
  { ledger: now, waiting, insisted, lost }: PolicyContext,
  ledger: PolicyLedger | null,
): readonly string[] {
  return Object.keys(waiting).filter((key) => {
    const pod = ledger?.attached[key];
    if (ledger === null || pod === undefined || pod !== now.attached[key]) return false;
    return lost.length > 0 || insisted.includes(key) || !awaitsLabels(ledger, pod);
  });
}

/** What is not enforced as it is written. */
function problemsIn({ ledger, enforced }: PolicyContext): readonly Failure[] {
  return [
    ...unreadablePolicies(ledger.policies).map(problemFailure),
    ...(enforced?.problems ?? []).map(refusalFailure),
  ];
}

function withOne<Item>(list: readonly Item[], item: Item): readonly Item[] {
  return list.includes(item) ? list : [...list, item];
}

function without<Item>(list: readonly Item[], item: Item): readonly Item[] {
  return list.filter((other) => other !== item);
}
