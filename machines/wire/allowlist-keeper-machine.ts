import { assign, enqueueActions, setup } from "xstate";
import type { Failure } from "../../src/domain/failure.ts";
import { nobodyBelieved } from "../../src/domain/tailnet/believed-prefixes.ts";
import { keep, keepError } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import type { AllowlistInput } from "./allowlist-events.ts";
import { allowlistMachine } from "./allowlist-machine.ts";

interface AllowlistKeeperContext extends AllowlistInput {
  readonly failure: Failure | null;
}

const limits = { steady: 20_000, crashed: 1_000 };

/**
 * Runs `allowlist`, and starts it anew after a fault of its own. The table in the kernel stands meanwhile as it was; the new one begins
 * with nothing believed.
 */
export const allowlistKeeperMachine = setup({
  types: {} as MachineTypes & { input: AllowlistInput; context: AllowlistKeeperContext },
  actors: { allowlist: allowlistMachine },
  actions: {
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    forgetFailure: assign({ failure: null }),
    forgetBelieved: assign({ believed: nobodyBelieved }),
  },
  delays: limits,
}).createMachine({
  id: "allowlistKeeper",
  context: ({ input }) => ({ ...input, failure: null }),
  options: { maxIterations: 1_000 },
  initial: "keeping",
  states: {
    keeping: {
      invoke: {
        src: "allowlist",
        id: "allowlist",
        input: ({ context: { seed, parent, believed } }) => ({ seed, parent, believed }),
        onError: { target: "crashed", actions: [keepError, "forgetBelieved"] },
      },
      initial: "young",
      states: {
        young: {
          meta: stuckAfter(limits.steady, "the machine allowlist started recently"),
          after: { steady: "steady" },
        },
        steady: { entry: "forgetFailure", meta: mayLast("the machine allowlist runs") },
      },
    },
    crashed: {
      meta: stuckAfter(
        limits.crashed,
        "the machine allowlist failed and is being restarted: the allowlist in force stays",
        "error",
      ),
      after: { crashed: "keeping" },
    },
  },
});
