import { assign, enqueueActions, setup } from "xstate";
import {
  type Lease,
  leaseTimes,
  mayLead,
  type ObservedLease,
  observeLease,
} from "../../src/domain/approval/leadership.ts";
import type { Failure } from "../../src/domain/failure.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided } from "../support/not-provided.ts";
import type { Recipient } from "../support/recipient.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import type { ElectionEvent, LeadershipReport } from "./controller-events.ts";

/** A Lease as it was read or written; `atMs` by this process's monotonic clock. */
export interface LeaseReading {
  /** Null where there is none yet. */
  readonly lease: Lease | null;
  readonly atMs: number;
}

export interface LeaseWrite {
  /** As it was read: the write is refused if it has changed since. Null makes it. */
  readonly lease: Lease | null;
  /** Empty gives it back. */
  readonly holder: string;
}

interface ElectionInput {
  /** Who this process is among all that may hold the Lease. */
  readonly self: string;
  readonly parent: Recipient<LeadershipReport>;
}

interface ElectionContext extends ElectionInput {
  readonly observed: ObservedLease | null;
  readonly nowMs: number;
  readonly failure: Failure | null;
}

const limits = {
  ask: 4_000,
  retry: leaseTimes.retryMs,
  again: 1_000,
  deadline: leaseTimes.deadlineMs,
};

const observed = {
  type: "observe",
  params: ({ event }: { readonly event: { readonly output: LeaseReading } }) => event.output,
} as const;

/**
 * Who of several controllers works: the one that holds the Lease. It stops before another may begin: it counts from its last renewal
 * for 10 s, the others for 15 s from when they saw that. As client-go's leaderelection.
 */
export const electionMachine = setup({
  types: {} as MachineTypes & { input: ElectionInput; context: ElectionContext; events: ElectionEvent },
  actors: {
    read: notProvided<LeaseReading, void>("lease.read"),
    write: notProvided<LeaseReading, LeaseWrite>("lease.write"),
  },
  actions: {
    observe: assign(({ context }, { lease, atMs }: LeaseReading) => ({
      observed: lease === null ? null : observeLease(context.observed, lease, atMs),
      nowMs: atMs,
      failure: null,
    })),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    tellGained: enqueueActions(({ context, enqueue }) => {
      enqueue.sendTo(context.parent, { type: "leadership.gained" });
    }),
    tellLost: enqueueActions(({ context, enqueue }) => {
      enqueue.sendTo(context.parent, { type: "leadership.lost" });
    }),
  },
  guards: {
    isFree: ({ context: { observed: seen, self, nowMs } }) => seen === null || mayLead(seen, self, nowMs),
    isOurs: ({ context: { self } }, { lease }: LeaseReading) => lease?.holder === self,
  },
  delays: limits,
}).createMachine({
  id: "election",
  context: ({ input }) => ({ ...input, observed: null, nowMs: 0, failure: null }),
  options: { maxIterations: 1_000 },
  initial: "standby",
  states: {
    standby: {
      on: { "election.resign": "resigned" },
      initial: "reading",
      states: {
        reading: {
          meta: stuckAfter(limits.ask, "the API server does not answer about the Lease"),
          invoke: {
            src: "read",
            onDone: { target: "judging", actions: observed },
            onError: { target: "unreachable", actions: keepError },
          },
          after: { ask: "unreachable" },
        },
        judging: { always: [{ guard: "isFree", target: "taking" }, { target: "waiting" }] },
        waiting: {
          meta: mayLast("another controller holds the Lease"),
          after: { retry: "reading" },
        },
        taking: {
          meta: stuckAfter(limits.ask, "the API server does not answer about the Lease"),
          invoke: {
            src: "write",
            input: ({ context: { observed: seen, self } }) => ({ lease: seen?.lease ?? null, holder: self }),
            onDone: { target: "#election.leading", actions: [observed, "tellGained"] },
            // Another was quicker, or the API server is away.
            onError: { target: "unreachable", actions: keepError },
          },
          after: { ask: "unreachable" },
        },
        unreachable: {
          meta: stuckAfter(limits.retry, "the Lease cannot be read or written", "warn"),
          after: { retry: "reading" },
        },
      },
    },
    leading: {
      meta: stuckAfter(limits.deadline, "the Lease cannot be renewed"),
      after: { deadline: { target: "standby.waiting", actions: "tellLost" } },
      on: { "election.resign": "resigning" },
      initial: "holding",
      states: {
        holding: {
          meta: stuckAfter(limits.retry, "this controller leads"),
          after: { retry: "renewing" },
        },
        renewing: {
          meta: stuckAfter(limits.ask, "the API server does not renew the Lease"),
          invoke: {
            src: "write",
            input: ({ context: { observed: seen, self } }) => ({ lease: seen?.lease ?? null, holder: self }),
            // With its deadline from the beginning.
            onDone: { target: "#election.leading", reenter: true, actions: observed },
            onError: { target: "rereading", actions: keepError },
          },
          after: { ask: "rereading" },
        },
        rereading: {
          meta: stuckAfter(limits.ask, "the API server does not answer about the Lease"),
          invoke: {
            src: "read",
            onDone: [
              {
                guard: { type: "isOurs", params: ({ event }) => event.output },
                target: "renewing",
                actions: observed,
              },
              { target: "#election.standby.waiting", actions: [observed, "tellLost"] },
            ],
            onError: { target: "pausing", actions: keepError },
          },
          after: { ask: "pausing" },
        },
        pausing: {
          meta: stuckAfter(
            limits.again,
            "the API server is away: another controller takes over soon",
            "warn",
          ),
          after: { again: "renewing" },
        },
      },
    },
    resigning: {
      entry: "tellLost",
      meta: stuckAfter(limits.ask, "the Lease cannot be given back"),
      invoke: {
        src: "write",
        input: ({ context: { observed: seen } }) => ({ lease: seen?.lease ?? null, holder: "" }),
        onDone: { target: "resigned", actions: observed },
        onError: { target: "resigned", actions: keepError },
      },
      after: { ask: "resigned" },
    },
    resigned: { type: "final" },
  },
});
