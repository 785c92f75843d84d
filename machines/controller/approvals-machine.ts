import { assign, enqueueActions, setup } from "xstate";
import {
  type ApprovalJob,
  planWork,
  type TailnetSurvey,
  type WorkPlan,
} from "../../src/domain/approval/plan-work.ts";
import type { NodeRow } from "../../src/domain/approval/route-decisions.ts";
import { backoffDelay } from "../../src/domain/backoff.ts";
import { type Failure, toFailure } from "../../src/domain/failure.ts";
import type { NodeLedger } from "../../src/domain/kubernetes/node-ledger.ts";
import { isRefusal, isTransient } from "../headscale/headscale-jobs.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided } from "../support/not-provided.ts";
import { type ChildEnd, childId, type Slots, slotOfChild, withSlot } from "../support/slots.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import { approvalMachine } from "./approval-machine.ts";
import { type ApprovalSlot, slotChanges } from "./approval-slots.ts";
import type { ApprovalsEvent } from "./controller-events.ts";

export interface ApprovalsInput {
  readonly seed: string;
  readonly supernets: readonly string[];
  /** Whether machines that joined with the controller's keys may be deleted. */
  readonly ownsMachines: boolean;
  /** Null until the list of Nodes is complete. */
  readonly ledger: NodeLedger | null;
}

export interface ApprovalsContext extends ApprovalsInput {
  readonly ownKeys: readonly string[];
  /** The Nodes changed since the last look began. */
  readonly hinted: boolean;
  readonly jobs: readonly ApprovalJob[];
  readonly rows: readonly NodeRow[];
  readonly strangers: number;
  readonly autoApprovals: readonly string[];
  /** What was done since this controller leads. */
  readonly done: { readonly granted: number; readonly revoked: number; readonly removed: number };
  /** Looks in a row that did not find all settled. */
  readonly attempt: number;
  readonly slots: Slots<ApprovalSlot>;
  readonly failure: Failure | null;
}

const limits = {
  nodes: 60_000,
  gather: 250,
  survey: 25_000,
  work: 25_000,
  relook: 60_000,
  refused: 30_000,
  overruled: 60_000,
};
const retry = { firstMs: 500, maxMs: 30_000 };

type Failed = { readonly event: { readonly error: unknown } };
const refused = {
  guard: { type: "isRefusal", params: ({ event }: Failed) => toFailure(event.error) },
  target: "#approvals.refused",
  actions: keepError,
} as const;
const tooSlow = {
  target: "backingOff",
  actions: { type: "keepFailure", params: { code: "TIMEOUT", message: "Headscale did not answer in time" } },
} as const;

/**
 * Looks at Headscale's machines whenever Nodes change, more often while a Node is not settled, and once a minute otherwise; approves,
 * revokes and removes what the decision in src/domain/approval says, one change after the other. It keeps no state of its own that
 * counts: whoever kills it in the middle loses nothing, the next look finds what is left to do.
 */
export const approvalsMachine = setup({
  types: {} as MachineTypes & {
    input: ApprovalsInput;
    context: ApprovalsContext;
    events: ApprovalsEvent | ChildEnd;
  },
  actors: {
    approval: approvalMachine,
    survey: notProvided<TailnetSurvey, { readonly supernets: readonly string[] }>("approvals.survey"),
    carryOut: notProvided<void, { readonly job: ApprovalJob; readonly supernets: readonly string[] }>(
      "approvals.carryOut",
    ),
  },
  actions: {
    keepLedger: assign({ ledger: (_, ledger: NodeLedger) => ledger, hinted: true, attempt: 0 }),
    keepKeys: assign({ ownKeys: (_, ids: readonly string[]) => ids }),
    lookBegins: assign({ hinted: false }),
    countAttempt: assign({ attempt: ({ context }) => context.attempt + 1 }),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    keepSurvey: enqueueActions(({ context, enqueue }, survey: TailnetSurvey) => {
      const { jobs, rows, strangers } = planOf(context, survey);
      const { told, started, slots } = slotChanges(context.slots, rows);
      for (const { slot, verdict } of told)
        enqueue.sendTo(childId("approval", slot), { type: "node.judged", verdict });
      for (const { slot, node, verdict } of started)
        enqueue.spawnChild("approval", { id: childId("approval", slot), input: { node, verdict } });
      const { autoApprovals } = survey;
      enqueue.assign({ jobs, rows, strangers, slots, autoApprovals, failure: null });
    }),
    dropJob: assign({ jobs: ({ context }) => context.jobs.slice(1) }),
    countJob: assign(
      ({
        context: {
          jobs: [job],
          done,
        },
      }) => {
        if (job?.kind === "removal") return { done: { ...done, removed: done.removed + 1 } };
        const granted = done.granted + (job?.change.granted.length ?? 0);
        return { done: { ...done, granted, revoked: done.revoked + (job?.change.revoked.length ?? 0) } };
      },
    ),
    freeChild: enqueueActions(({ context, enqueue }, { actorId }: { readonly actorId: string }) => {
      enqueue.stopChild(actorId);
      const slot = slotOfChild("approval", actorId);
      if (slot >= 0) enqueue.assign({ slots: withSlot(context.slots, slot, null) });
    }),
  },
  guards: {
    isKnown: ({ context }) => context.ledger !== null,
    isHinted: ({ context }) => context.hinted,
    hasJob: ({ context }) => context.jobs.length > 0,
    hasMoreJobs: ({ context }) => context.jobs.length > 1,
    isSettled: ({ context: { rows } }) => rows.every(({ verdict }) => verdict === "settled"),
    isOverruled: ({ context: { autoApprovals } }) => autoApprovals.length > 0,
    isRefusal: (_, failure: Failure) => isRefusal(failure),
    isTransient: (_, failure: Failure) => isTransient(failure),
  },
  delays: {
    ...limits,
    backoff: ({ context }) => backoffDelay(context.attempt, retry, context.seed),
  },
}).createMachine({
  id: "approvals",
  context: ({ input }) => ({
    ...input,
    ownKeys: [],
    hinted: false,
    jobs: [],
    rows: [],
    strangers: 0,
    autoApprovals: [],
    done: { granted: 0, revoked: 0, removed: 0 },
    attempt: 0,
    slots: [],
    failure: null,
  }),
  options: { maxIterations: 1_000 },
  initial: "awaitingNodes",
  on: {
    "ledger.changed": { actions: { type: "keepLedger", params: ({ event }) => event.ledger } },
    "keys.known": { actions: { type: "keepKeys", params: ({ event }) => event.ids } },
    "xstate.done.actor.*": { actions: { type: "freeChild", params: ({ event }) => event } },
    "xstate.error.actor.*": { actions: [keepError, { type: "freeChild", params: ({ event }) => event }] },
  },
  states: {
    awaitingNodes: {
      meta: stuckAfter(limits.nodes, "the cluster's Nodes are not known: no route is approved"),
      always: { guard: "isKnown", target: "surveying" },
    },
    // Changes of Nodes come in flurries, and each look costs Headscale a bcrypt.
    gathering: {
      meta: stuckAfter(limits.gather, "a Node changed"),
      after: { gather: "surveying" },
    },
    surveying: {
      entry: "lookBegins",
      meta: stuckAfter(limits.survey, "Headscale is slow to list its machines"),
      invoke: {
        src: "survey",
        input: ({ context: { supernets } }) => ({ supernets }),
        onDone: { target: "deciding", actions: { type: "keepSurvey", params: ({ event }) => event.output } },
        onError: [refused, { target: "backingOff", actions: keepError }],
      },
      after: { survey: tooSlow },
    },
    deciding: {
      always: [
        { guard: "isOverruled", target: "overruled" },
        { guard: "hasJob", target: "working" },
        { guard: "isSettled", target: "settled" },
        { target: "unsettled" },
      ],
    },
    working: {
      meta: stuckAfter(limits.work, "Headscale is slow to approve or revoke a route"),
      invoke: {
        src: "carryOut",
        input: ({
          context: {
            jobs: [job],
            supernets,
          },
        }) => ({ job: job as ApprovalJob, supernets }),
        onDone: [
          { guard: "hasMoreJobs", target: "working", reenter: true, actions: ["countJob", "dropJob"] },
          { target: "unsettled", actions: ["countJob", "dropJob"] },
        ],
        onError: [
          refused,
          {
            guard: { type: "isTransient", params: ({ event }) => toFailure(event.error) },
            target: "backingOff",
            actions: keepError,
          },
          // The others are not to wait for it.
          { guard: "hasMoreJobs", target: "working", reenter: true, actions: [keepError, "dropJob"] },
          { target: "rejected", actions: [keepError, "dropJob"] },
        ],
      },
      after: { work: tooSlow },
    },
    settled: {
      meta: mayLast("the routes of all Nodes are approved; looks again once a minute"),
      always: { guard: "isHinted", target: "gathering" },
      after: { relook: { target: "surveying", actions: assign({ attempt: 0 }) } },
    },
    unsettled: {
      meta: mayLast(
        "something changed or a Node is still joining: its machine `approval` says what it waits for",
      ),
      always: { guard: "isHinted", target: "gathering" },
      after: { backoff: { target: "surveying", actions: "countAttempt" } },
    },
    rejected: {
      meta: stuckAfter(retry.maxMs, "Headscale rejects a change of routes or machines", "warn"),
      after: { backoff: { target: "surveying", actions: "countAttempt" } },
    },
    backingOff: {
      meta: stuckAfter(
        retry.maxMs,
        "Headscale is unreachable: what is approved stays so, and no node can join",
        "warn",
      ),
      after: { backoff: { target: "surveying", actions: "countAttempt" } },
    },
    refused: {
      meta: stuckAfter(
        limits.refused,
        "Headscale rejects the controller's API key: replace it in its Secret",
        "error",
      ),
      after: { refused: "surveying" },
    },
    overruled: {
      meta: stuckAfter(
        limits.overruled,
        "autoApprovers of Headscale's policy touch pods' addresses: the controller approves nothing until they are removed",
        "error",
      ),
      always: { guard: "isHinted", target: "gathering" },
      after: { overruled: "surveying" },
    },
  },
});

function planOf(
  { ledger, supernets, ownKeys, ownsMachines }: ApprovalsContext,
  survey: TailnetSurvey,
): WorkPlan {
  if (ledger === null) return { jobs: [], rows: [], strangers: 0 };
  return planWork(ledger, survey, { supernets, ownKeys: ownsMachines ? ownKeys : [] });
}
