import { assign, enqueueActions, setup, stateIn } from "xstate";
import { type HealthFacts, healthLevel } from "../../src/domain/health-level.ts";
import type { LoginWanted } from "../../src/domain/login-trouble.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import type { HealthContext, HealthEvent, HealthInput, HealthListeners } from "./health-events.ts";

/** How long something may be missing before it counts as stuck, in ms. */
const missingMs = 60_000;

export function initialHealth({ authKeyFrom, kubernetes, provenBefore }: HealthInput): HealthContext {
  const facts: HealthFacts = {
    service: "starting",
    provenOnce: provenBefore,
    guard: null,
    tailnet: null,
    control: null,
    login: null,
    route: null,
    node: kubernetes ? null : "",
    conflict: "",
    cni: null,
  };
  return { authKeyFrom, facts, level: healthLevel(facts), listeners: null, held: {} };
}

export const well = mayLast("its owner reports nothing amiss");
export const unheard = mayLast("its owner has not reported yet: see its machine");

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
    /** Takes over what changed, and tells everybody to whom that makes a difference. */
    learn: enqueueActions(({ context, enqueue }, news: Partial<HealthFacts>) => {
      const facts = { ...context.facts, ...news };
      const level = healthLevel(facts);
      enqueue.assign({ facts, level });
      const { status, condition } = context.level;
      const { cni, node } = context.listeners ?? { cni: null, node: null };
      if (cni !== null && !same(status, level.status))
        enqueue.sendTo(cni, { type: "cni.readiness", ...level.status });
      if (node !== null && !same(condition, level.condition))
        enqueue.sendTo(node, { type: "node.networkWanted", condition: level.condition });
    }),
    keepFollowers: enqueueActions(({ context: { level }, enqueue }, listeners: HealthListeners) => {
      enqueue.assign({ listeners });
      enqueue.sendTo(listeners.cni, { type: "cni.readiness", ...level.status });
      if (listeners.node !== null)
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
    withoutNode: ({ context }) => context.facts.node === "",
    provenBefore: ({ context }) => context.facts.provenOnce,
    tailnetIsDown: stateIn({ tailnet: "down" }),
    isForgotten: (_, { forgotten }: LoginWanted) => forgotten,
    isRefused: (_, { refusal }: LoginWanted) => refusal !== "",
    isSure: (_, { note }: { readonly note: string }) => note === "",
  },
});

function same(one: object, other: object): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
