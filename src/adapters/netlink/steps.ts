import { type KernelRefusal, kernelRefused } from "./kernel-errors.ts";
import type { NetlinkSocket, Refusal } from "./netlink-socket.ts";
import type { NetlinkMessage } from "./wire-format/netlink-message.ts";

/** A message with the name that errors call it by ("route.add"). */
export interface Step {
  readonly operation: string;
  readonly message: NetlinkMessage;
  /** The pod address it is about. */
  readonly address?: string;
  /** Refusals that mean "already so". */
  readonly tolerated?: readonly string[];
}

export interface StepRefusal extends Refusal {
  readonly step: Step;
}

/** Sends all steps in one system call and gives those that were refused, without the tolerated ones. */
export function runSteps(socket: NetlinkSocket, steps: readonly Step[]): readonly StepRefusal[] {
  return socket.transact(steps.map((step) => step.message)).flatMap((refusal) => {
    const step = steps[refusal.index];
    return step === undefined || step.tolerated?.includes(refusal.errno) ? [] : [{ ...refusal, step }];
  });
}

export function stepRefused(refusal: StepRefusal): KernelRefusal {
  return kernelRefused(refusal.step.operation, refusal);
}
