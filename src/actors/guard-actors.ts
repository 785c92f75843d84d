import { fromCallback, fromPromise } from "xstate";
import type {
  CheckResult,
  GuardEvent,
  GuardLook,
  GuardTerms,
  RepairOrder,
  RepairResult,
} from "../../machines/guard/guard-events.ts";
import { scopeOfChange, widerScope } from "../domain/guard/guard-changes.ts";
import type { GuardScope } from "../domain/guard/guard-observation.ts";
import type { GuardSettings } from "../domain/guard/guard-settings.ts";
import type { KernelState } from "../ports/kernel-state.ts";
import { checkInvariants, type GuardPorts, repairInvariants } from "./guard-work.ts";

/** A burst of notifications is one change; under endless change the guard looks at most this often. */
const settleMs = 50;
const betweenLooksMs = 300;

/** What the guard keeps true on any node of this configuration. */
export type ConfiguredGuard = Omit<GuardSettings, "ownPrefixes">;

/**
 * What the guard machine needs done, by the settings as they are then and the terms of each order. `now` in ms of a clock that is
 * never set.
 */
export function guardActors(
  ports: GuardPorts,
  configured: () => ConfiguredGuard | Promise<ConfiguredGuard>,
  now: () => number = () => performance.now(),
) {
  const settingsFor = async ({ ownPrefixes, services }: GuardTerms): Promise<GuardSettings> => {
    const settings = await configured();
    return { ...settings, ownPrefixes, services: [...new Set([...settings.services, ...services])] };
  };
  return {
    check: fromPromise<CheckResult, GuardLook>(async ({ input, signal }) => ({
      broken: await checkInvariants(ports, await settingsFor(input), input, signal),
      at: now(),
    })),
    repair: fromPromise<RepairResult, RepairOrder>(async ({ input, signal }) => ({
      ...(await repairInvariants(ports, await settingsFor(input), input, signal)),
      at: now(),
    })),
    watch: watchKernel(ports.kernel),
  };
}

function watchKernel(kernel: KernelState) {
  return fromCallback<GuardEvent, undefined>(({ sendBack }) => {
    let waiting: GuardScope | null = null;
    let timer: NodeJS.Timeout | undefined;
    let toldAt = Number.NEGATIVE_INFINITY;
    const tell = () => {
      timer = undefined;
      toldAt = performance.now();
      sendBack({ type: "kernel.changed", scope: waiting ?? "all" } satisfies GuardEvent);
      waiting = null;
    };
    const stop = kernel.watch((change) => {
      const scope = scopeOfChange(change);
      if (scope === undefined) return;
      waiting = widerScope(waiting, scope);
      timer ??= setTimeout(tell, Math.max(settleMs, toldAt + betweenLooksMs - performance.now()));
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  });
}
