import { setup } from "xstate";
import type { NodeVerdict } from "../../src/domain/approval/route-decisions.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { stuckAfter } from "../support/state-limit.ts";
import type { ApprovalEvent } from "./controller-events.ts";

interface ApprovalInput {
  readonly node: string;
  readonly verdict: NodeVerdict;
}

const limits = { joining: 300_000, approving: 60_000 };

/** A Node whose routes are not approved yet: what it waits for. Ends once they are, or the Node is gone. */
export const approvalMachine = setup({
  types: {} as MachineTypes & { input: ApprovalInput; context: ApprovalInput; events: ApprovalEvent },
  guards: {
    is: (_, { verdict, was }: { readonly verdict: NodeVerdict | null; readonly was: NodeVerdict }) =>
      verdict === was,
  },
}).createMachine({
  id: "approval",
  context: ({ input }) => input,
  options: { maxIterations: 1_000 },
  initial: "judging",
  on: {
    "node.judged": [
      ...(
        ["withoutPrefix", "unnamed", "machineMissing", "unannounced", "conflicting", "approvable"] as const
      ).map((was) => ({
        guard: {
          type: "is" as const,
          params: ({ event }: { readonly event: ApprovalEvent }) => ({ verdict: event.verdict, was }),
        },
        target: `.${was}` as const,
      })),
      { target: ".over" },
    ],
  },
  states: {
    judging: {
      always: [
        ...(["withoutPrefix", "unnamed", "machineMissing", "unannounced", "conflicting"] as const).map(
          (was) => ({
            guard: {
              type: "is" as const,
              params: ({ context }: { readonly context: ApprovalInput }) => ({
                verdict: context.verdict,
                was,
              }),
            },
            target: was,
          }),
        ),
        { target: "approvable" },
      ],
    },
    withoutPrefix: {
      meta: stuckAfter(
        limits.joining,
        "the Node has no pod CIDR inside network.podCIDR, or an older Node has it",
      ),
    },
    unnamed: {
      meta: stuckAfter(
        limits.joining,
        "the Node does not say which machine of the tailnet it is: its daemon has not joined",
      ),
    },
    machineMissing: {
      meta: stuckAfter(limits.joining, "Headscale does not have the machine that the Node names"),
    },
    unannounced: {
      meta: stuckAfter(limits.joining, "the Node's machine does not announce its pod CIDRs"),
    },
    conflicting: {
      meta: stuckAfter(limits.joining, "the Node names the machine of another Node"),
    },
    approvable: {
      meta: stuckAfter(limits.approving, "the Node's routes are not approved"),
    },
    over: { type: "final" },
  },
});
