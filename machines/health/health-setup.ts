import { assign, enqueueActions, sendTo, setup, stateIn } from "xstate";
import { type HealthLevel, healthLevel } from "../../src/domain/health-level.ts";
import type { HealthRegions, HealthWords } from "../../src/domain/health-regions.ts";
import { proxyCaution } from "../../src/domain/kubernetes/service-proxy.ts";
import type { LoginWanted } from "../../src/domain/tailnet/login-problem.ts";
import type { ServiceProxyFact } from "../service-proxy/service-proxy-machine.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import type { HealthContext, HealthEvent, HealthInput, HealthListeners } from "./health-events.ts";

interface HealthSnapshot {
  readonly value: HealthRegions;
  readonly context: HealthContext;
  hasTag(tag: "problem"): boolean;
}

/** How long something may be missing before it counts as stuck, in ms. */
const missingMs = 60_000;

/** The one place where the chart becomes what everybody is told. */
export function levelOf(health: HealthSnapshot): HealthLevel {
  return healthLevel(health.value, health.hasTag("problem"), health.context);
}

export const well = mayLast("its machine reports no problem");
export const unheard = {
  tags: "problem" as const,
  meta: mayLast("its machine has not reported yet"),
};

/** A node is not whole for as long as this is not known. */
export function awaited(means: string) {
  return { tags: "problem" as const, meta: stuckAfter(missingMs, means) };
}

export function problem(means: string) {
  return { tags: "problem" as const, meta: stuckAfter(missingMs, means, "warn") };
}

/** Vocabulary of the health machine: what its chart in health-machine.ts is written with. */
export const healthSetup = setup({
  types: {} as MachineTypes & {
    input: HealthInput;
    context: HealthContext;
    events: HealthEvent;
    tags: "problem";
  },
  actions: {
    /** Takes over why a region is where it is. */
    learn: assign({
      words: ({ context }, words: Partial<HealthWords>) => ({ ...context.words, ...words }),
    }),
    keepProxy: assign((_, { proxy }: ServiceProxyFact) => ({ unsupported: proxyCaution(proxy) })),
    keepFollowers: assign({ listeners: (_, listeners: HealthListeners) => listeners, told: null }),
    /** By an event of its own, because only then the snapshot shows where the regions are. */
    noteChange: sendTo(({ self }) => self, { type: "health.changed" }),
    /** Tells everybody to whom the change makes a difference. */
    publish: enqueueActions(({ context: { listeners, told }, enqueue, self }) => {
      if (listeners === null) return;
      const level = levelOf(self.getSnapshot() as unknown as HealthSnapshot);
      enqueue.assign({ told: level });
      if (!same(told?.status, level.status))
        enqueue.sendTo(listeners.cni, { type: "cni.readiness", ...level.status });
      if (listeners.node !== null && !same(told?.condition, level.condition))
        enqueue.sendTo(listeners.node, { type: "node.networkWanted", condition: level.condition });
    }),
    tellReadiness: enqueueActions(({ context: { listeners }, enqueue }) => {
      if (listeners !== null) enqueue.sendTo(listeners.readiness, { type: "readiness.proven" });
    }),
    /** Headscale is probed only after tailscaled lost it: no polling in steady state. */
    tellHeadscale: enqueueActions(
      ({ context: { listeners }, enqueue }, type: "control.lost" | "control.restored") => {
        if (listeners !== null) enqueue.sendTo(listeners.headscale, { type });
      },
    ),
    /** What is heard of these while the tailnet is down follows from that; it counts once the tailnet is back. */
    hold: assign({
      held: ({ context }, held: HealthContext["held"]) => ({ ...context.held, ...held }),
    }),
    dropHeldLogin: assign({
      held: ({
        context: {
          held: { login: _, ...rest },
        },
      }) => rest,
    }),
    releaseHeld: enqueueActions(({ context: { held }, enqueue }) => {
      enqueue.assign({ held: {} });
      if (held.login !== undefined) enqueue.raise(held.login);
      if (held.route !== undefined) enqueue.raise(held.route);
    }),
  },
  guards: {
    withoutNode: ({ context }) => !context.kubernetes,
    provenBefore: ({ context }) => context.provenBefore,
    tailnetIsDown: stateIn({ tailnet: "down" }),
    isForgotten: (_, { forgotten }: LoginWanted) => forgotten,
    isRefused: (_, { refusal }: LoginWanted) => refusal !== "",
    isContent: (_, { words }: { readonly words: string }) => words === "",
    isSure: (_, { note }: { readonly note: string }) => note === "",
  },
});

function same(one: object | undefined, other: object): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
