import { assign, enqueueActions, setup } from "xstate";
import { backoffDelay } from "../../src/domain/backoff.ts";
import { type Failure, toFailure } from "../../src/domain/failure.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvided } from "../support/not-provided.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import {
  type HeadscaleEvent,
  type HeadscaleJob,
  type HeadscaleResult,
  type HeadscaleTask,
  isRefusal,
  isTransient,
  queueJob,
} from "./headscale-jobs.ts";

export interface HeadscaleInput {
  /** True with an API key (approval `api`): probing then proves the key, and jobs are done. */
  readonly authenticates: boolean;
  /** Tags of the pre-auth keys made for this node. */
  readonly tags: readonly string[];
  /** What stands before a node's name in the tailnet. */
  readonly hostnamePrefix: string;
  /** Spreads the waits of nodes: the node's name. */
  readonly seed: string;
}

interface HeadscaleContext extends HeadscaleInput {
  readonly jobs: readonly HeadscaleJob[];
  readonly attempt: number;
  readonly failure: Failure | null;
}

const limits = { exchange: 15_000, refused: 300_000 };
const retry = { firstMs: 1000, maxMs: 60_000 };

const withoutKey = { code: "CREDENTIALS_MISSING", message: "this node works without an API key" };
/** Without a key somebody else must clear the place of a departed node: the peers refuse its prefixes anyway. */
const taken = [
  {
    guard: "worksWithoutKey",
    actions: {
      type: "refuse",
      params: ({ event }: { event: HeadscaleJob }) => ({ job: event, failure: withoutKey }),
    },
  },
  { actions: { type: "queue", params: ({ event }: { event: HeadscaleJob }) => event } },
] as const;

/**
 * The connection to Headscale's API. It asks nothing while all is well: every authenticated call costs the server a
 * bcrypt, so it works on request and probes only after control was lost.
 */
export const headscaleMachine = setup({
  types: {} as MachineTypes & { input: HeadscaleInput; context: HeadscaleContext; events: HeadscaleEvent },
  actors: {
    /** /health, and with credentials one authenticated read. */
    probe: notProvided<void, { readonly authenticates: boolean }>("headscale.probe"),
    serve: notProvided<HeadscaleResult, { readonly task: HeadscaleTask }>("headscale.serve"),
  },
  actions: {
    queue: assign({ jobs: ({ context }, job: HeadscaleJob) => queueJob(context.jobs, job) }),
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    countAttempt: assign({ attempt: ({ context }) => context.attempt + 1 }),
    forgetFailure: assign({ failure: null, attempt: 0 }),
    refuse: enqueueActions(
      (
        { enqueue },
        { job, failure }: { readonly job: HeadscaleJob | undefined; readonly failure: Failure },
      ) => {
        if (job?.type === "approval.wanted")
          enqueue.sendTo(job.replyTo, { type: "approval.failed", failure });
        if (job?.type === "authKey.wanted") enqueue.sendTo(job.replyTo, { type: "authKey.failed", failure });
      },
    ),
    answer: enqueueActions(({ context, enqueue }, { authKey, serving = [] }: HeadscaleResult) => {
      const [job] = context.jobs;
      if (job?.type === "approval.wanted") enqueue.sendTo(job.replyTo, { type: "approval.granted", serving });
      if (job?.type === "authKey.wanted" && authKey !== undefined)
        enqueue.sendTo(job.replyTo, { type: "authKey.granted", authKey });
    }),
    dropJob: assign({ jobs: ({ context }) => context.jobs.slice(1) }),
  },
  guards: {
    hasJob: ({ context }) => context.jobs.length > 0,
    worksWithoutKey: ({ context }) => !context.authenticates,
    isRefusal: (_, failure: Failure) => isRefusal(failure),
    isTransient: (_, failure: Failure) => isTransient(failure),
  },
  delays: {
    ...limits,
    backoff: ({ context }) => backoffDelay(context.attempt, retry, context.seed),
  },
}).createMachine({
  id: "headscale",
  context: ({ input }) => ({ ...input, jobs: [], attempt: 0, failure: null }),
  options: { maxIterations: 1_000 },
  initial: "probing",
  on: {
    "approval.wanted": taken,
    "authKey.wanted": taken,
    "node.departed": taken,
    // Also in the middle of a request, which would be refused with the old key: its job is still the first.
    "credentials.replaced": ".probing",
  },
  states: {
    probing: {
      meta: stuckAfter(limits.exchange, "Headscale accepts connections but does not answer"),
      invoke: {
        src: "probe",
        input: ({ context: { authenticates } }) => ({ authenticates }),
        onDone: { target: "connected", actions: "forgetFailure" },
        onError: [
          {
            guard: { type: "isRefusal", params: ({ event }) => toFailure(event.error) },
            target: "refused",
            actions: keepError,
          },
          { target: "backingOff", actions: keepError },
        ],
      },
    },
    connected: {
      initial: "idle",
      on: { "control.lost": "backingOff" },
      states: {
        idle: {
          meta: mayLast("no request to Headscale is open"),
          always: { guard: "hasJob", target: "working" },
        },
        working: {
          meta: stuckAfter(limits.exchange, "Headscale is slow to answer a request of this node"),
          invoke: {
            src: "serve",
            input: ({ context }) => ({ task: taskOf(context) }),
            onDone: {
              target: "idle",
              actions: [{ type: "answer", params: ({ event }) => event.output }, "dropJob"],
            },
            onError: [
              {
                guard: { type: "isRefusal", params: ({ event }) => toFailure(event.error) },
                target: "#headscale.refused",
                actions: keepError,
              },
              {
                guard: { type: "isTransient", params: ({ event }) => toFailure(event.error) },
                target: "#headscale.backingOff",
                actions: keepError,
              },
              {
                target: "idle",
                actions: [
                  {
                    type: "refuse",
                    params: ({ context, event }) => ({
                      job: context.jobs[0],
                      failure: toFailure(event.error),
                    }),
                  },
                  "dropJob",
                ],
              },
            ],
          },
        },
      },
    },
    backingOff: {
      meta: stuckAfter(retry.maxMs, "Headscale is unreachable; running pods keep working", "warn"),
      on: { "control.restored": "probing" },
      after: { backoff: { target: "probing", actions: "countAttempt" } },
    },
    refused: {
      meta: stuckAfter(limits.refused, "Headscale rejects the API key: replace the key file", "error"),
      after: { refused: "probing" },
    },
  },
});

function taskOf({ jobs: [job], tags, hostnamePrefix }: HeadscaleContext): HeadscaleTask {
  switch (job?.type) {
    case "approval.wanted":
      return { kind: "approval", nodeId: job.nodeId, prefixes: job.prefixes };
    case "node.departed":
      return { kind: "departure", hostname: `${hostnamePrefix}${job.name}`, prefixes: job.prefixes };
    default:
      return { kind: "authKey", tags };
  }
}
