import { assign, enqueueActions, not, sendTo, setup, stopChild } from "xstate";
import type { ConfigChange } from "../../src/domain/config-change.ts";
import { type Failure, toFailure } from "../../src/domain/failure.ts";
import type { TailnetStatus } from "../../src/domain/tailnet-status.ts";
import { cniMachine } from "../cni/cni-machine.ts";
import { configMachine } from "../config/config-machine.ts";
import { guardMachine } from "../guard/guard-machine.ts";
import { headscaleMachine } from "../headscale/headscale-machine.ts";
import { podsMachine } from "../pods/pods-machine.ts";
import { readinessMachine } from "../readiness/readiness-machine.ts";
import { routesMachine } from "../routes/routes-machine.ts";
import { notProvided } from "../support/not-provided.ts";
import { notProvidedSource } from "../support/not-provided-source.ts";
import type { StateMeta } from "../support/state-limit.ts";
import { tailscaleMachine } from "../tailscale/tailscale-machine.ts";
import type { HeadcniContext, HeadcniEvent, HeadcniInput, HeadcniOutput } from "./headcni-events.ts";

const limits = { preparing: 15_000, recovering: 20_000, degraded: 60_000, draining: 12_000, closing: 12_000 };

const headcniSetup = setup({
  types: {
    context: {} as HeadcniContext,
    events: {} as HeadcniEvent,
    input: {} as HeadcniInput,
    output: {} as HeadcniOutput,
    meta: {} as StateMeta,
    children: {} as { guard: "guard"; routes: "routes"; tailscale: "tailscale"; pods: "pods" },
  },
  actors: {
    /** Makes X, the namespace of our tailscaled, and joins it to the node; keeps what is right. */
    prepareNode: notProvided<void, void>("headcni.prepareNode"),
    /** Sends `kernel.failed` when the kernel worker dies. */
    kernel: notProvidedSource<HeadcniEvent, undefined>("headcni.kernel"),
    cni: cniMachine,
    config: configMachine,
    guard: guardMachine,
    headscale: headscaleMachine,
    pods: podsMachine,
    readiness: readinessMachine,
    routes: routesMachine,
    tailscale: tailscaleMachine,
  },
  actions: {
    keepFailure: assign((_, failure: Failure) => ({ failure })),
    noteRecovered: assign({ recovered: true }),
    noteGuard: assign((_, guardTrouble: string) => ({ guardTrouble })),
    noteTailnet: assign((_, tailnetTrouble: string) => ({ tailnetTrouble })),
    noteProof: assign((_, routeTrouble: string) => ({ routeTrouble })),
    noteProvenOnce: assign({ provenOnce: true }),
    recoverPods: sendTo(({ context }) => context.pods, { type: "pods.recover" }),
    openPods: sendTo(({ context }) => context.pods, { type: "pods.open" }),
    drainPods: sendTo(({ context }) => context.pods, { type: "pods.drain" }),
    closeCni: sendTo(({ context }) => context.cni, { type: "cni.close" }),
    openGuard: sendTo("guard", { type: "tailnetNamespace.opened" }),
    tellReadinessServing: sendTo(
      ({ context }) => context.readiness,
      ({ context }) => ({
        type: "readiness.serving" as const,
        proofNeeded: !context.provenOnce,
      }),
    ),
    tellReadinessProven: sendTo(({ context }) => context.readiness, { type: "readiness.proven" }),
    /** What STATUS answers: this node may be used once it was proven, in this life or an earlier one. */
    tellCni: sendTo(
      ({ context }) => context.cni,
      ({ context }) => ({
        type: "cni.readiness" as const,
        ready: context.provenOnce,
        reason: context.routeTrouble,
      }),
    ),
    tellRoutes: sendTo("routes", (_, status: TailnetStatus) => ({
      type: "tailnet.changed" as const,
      status,
    })),
    /** Headscale is probed only after tailscaled lost it: no polling in steady state. */
    tellHeadscale: enqueueActions(({ context, enqueue }, { backendState, self }: TailnetStatus) => {
      const controlled = self.online;
      if (controlled === context.controlled || backendState === "NoState") return;
      enqueue.assign({ controlled });
      enqueue.sendTo(({ context }) => context.headscale, {
        type: controlled ? "control.restored" : "control.lost",
      });
    }),
    applyChanges: enqueueActions(({ context, enqueue }, changes: readonly ConfigChange[]) => {
      for (const { path, to } of changes) {
        if (path === "ipam.restSeconds")
          enqueue.sendTo(context.pods, { type: "pods.restChanged", restMs: Number(to) * 1000 });
        if (path === "readiness.routeProof" && to === '"off"')
          enqueue.sendTo(context.readiness, { type: "readiness.serving", proofNeeded: false });
        if (path.startsWith("headscale."))
          enqueue.sendTo(context.headscale, { type: "credentials.replaced" });
      }
    }),
    offerCredentials: sendTo("tailscale", { type: "credentials.replaced" }),
    keepEnd: assign((_, { actorId }: { readonly actorId: string }) => ({
      failure: { code: "ENDED", message: `${actorId} ended by itself` },
    })),
    stopEnded: stopChild((_, { actorId }: { readonly actorId: string }) => actorId),
  },
  guards: {
    canServe: ({ context }) => context.recovered && context.guardTrouble === "",
    isWhole: ({ context }) =>
      context.guardTrouble === "" &&
      context.tailnetTrouble === "" &&
      context.routeTrouble === "" &&
      context.controlled,
  },
  delays: limits,
});

const keepFailureOf = {
  type: "keepFailure",
  params: ({ event }: { event: { readonly error: unknown } }) => toFailure(event.error),
} as const;

/**
 * The whole daemon. Its children run from its first moment (the socket listens while the kernel is still being read) to its
 * last; `degraded` serves pods like `running`, and says what is missing.
 */
export const headcniMachine = headcniSetup.createMachine({
  id: "headcni",
  context: ({ input: { settings }, spawn, self }) => {
    const pods = spawn("pods", { id: "pods", input: { settings: settings.pods, parent: self } });
    const cni = spawn("cni", { id: "cni", input: { pods, parent: self } });
    spawn("config", { id: "config", input: { parent: self } });
    const readiness = spawn("readiness", { id: "readiness", input: { parent: self } });
    const headscale = spawn("headscale", { id: "headscale", input: settings.headscale });
    return {
      settings,
      pods,
      cni,
      readiness,
      headscale,
      recovered: false,
      guardTrouble: "the guard has not looked yet",
      tailnetTrouble: "tailscaled has not been looked at yet",
      routeTrouble: "this node's route has not been proven yet",
      controlled: false,
      provenOnce: !settings.proofNeeded,
      failure: null,
    };
  },
  options: { maxIterations: 1_000 },
  initial: "starting",
  invoke: { src: "kernel", onError: { target: ".failed", actions: keepFailureOf } },
  on: {
    "kernel.failed": {
      target: ".failed",
      actions: { type: "keepFailure", params: ({ event }) => event.failure },
    },
    "xstate.error.actor.*": {
      target: ".failed",
      actions: [keepFailureOf, { type: "stopEnded", params: ({ event }) => event }],
    },
    // No child has an end of its own while the daemon lives; the last one's, at the very end, comes too late to be heard.
    "xstate.done.actor.*": {
      target: ".failed",
      actions: [
        { type: "keepEnd", params: ({ event }) => event },
        { type: "stopEnded", params: ({ event }) => event },
      ],
    },
    "pods.recovered": { actions: "noteRecovered" },
    "config.changed": { actions: { type: "applyChanges", params: ({ event }) => event.changes } },
    "readiness.published": { actions: ["noteProvenOnce", "tellCni"] },
  },
  output: ({ context }) => ({ failure: context.failure }),
  states: {
    starting: {
      meta: { limit: { ms: limits.preparing, means: "the tailnet namespace cannot be made" }, log: "info" },
      entry: ["recoverPods", "tellCni"],
      invoke: {
        src: "prepareNode",
        onDone: "live",
        onError: { target: "failed", actions: keepFailureOf },
      },
      on: { "daemon.stop": "stopped" },
      after: {
        preparing: {
          target: "failed",
          actions: {
            type: "keepFailure",
            params: { code: "TIMEOUT", message: "the node was not prepared in time" },
          },
        },
      },
    },
    live: {
      entry: "openGuard",
      invoke: [
        {
          id: "guard",
          src: "guard",
          input: ({ self }) => ({ parent: self }),
          onError: { target: "failed", actions: keepFailureOf },
        },
        {
          id: "tailscale",
          src: "tailscale",
          onDone: { target: "failed", actions: { type: "keepEnd", params: { actorId: "tailscale" } } },
          input: ({ context: { settings, headscale }, self }) => ({
            ...settings.tailscale,
            headscale,
            parent: self,
          }),
          onError: { target: "failed", actions: keepFailureOf },
        },
        {
          id: "routes",
          src: "routes",
          onDone: { target: "failed", actions: { type: "keepEnd", params: { actorId: "routes" } } },
          input: ({ context: { settings, headscale }, self }) => ({
            ...settings.routes,
            headscale,
            parent: self,
          }),
          onError: { target: "failed", actions: keepFailureOf },
        },
      ],
      on: {
        "guard.held": { actions: { type: "noteGuard", params: "" } },
        "guard.repairing": {
          actions: {
            type: "noteGuard",
            params: ({ event }) => `the guard mends ${event.invariants.join(", ")}`,
          },
        },
        "guard.fighting": {
          actions: {
            type: "noteGuard",
            params: ({ event }) => `somebody undoes what the guard mends: ${event.invariants.join(", ")}`,
          },
        },
        "guard.failed": {
          actions: {
            type: "noteGuard",
            params: ({ event }) => `the guard cannot mend: ${event.failure.message}`,
          },
        },
        "tailscale.changed": {
          actions: [
            { type: "tellHeadscale", params: ({ event }) => event.status },
            { type: "tellRoutes", params: ({ event }) => event.status },
          ],
        },
        "tailscale.up": { actions: { type: "noteTailnet", params: "" } },
        "tailscale.down": {
          actions: { type: "noteTailnet", params: ({ event }) => `the tailnet is down: ${event.reason}` },
        },
        "routes.proven": { actions: [{ type: "noteProof", params: "" }, "tellReadinessProven"] },
        "routes.unproven": {
          actions: [{ type: "noteProof", params: ({ event }) => event.reason }, "tellCni"],
        },
        "config.changed": {
          actions: [{ type: "applyChanges", params: ({ event }) => event.changes }, "offerCredentials"],
        },
        "daemon.stop": ".draining",
      },
      initial: "recovering",
      states: {
        recovering: {
          meta: { limit: { ms: limits.recovering, means: "pods cannot be served yet: see guard and pods" } },
          always: { guard: "canServe", target: "serving" },
        },
        serving: {
          entry: ["openPods", "tellReadinessServing"],
          always: [{ guard: "isWhole", target: "running" }, { target: "degraded" }],
        },
        running: {
          meta: { limit: "none", because: "this is where everything is as it should be", log: "info" },
          always: { guard: not("isWhole"), target: "degraded" },
        },
        degraded: {
          meta: {
            limit: {
              ms: limits.degraded,
              means: "pods are served, but something is missing: see the reasons on /ready",
            },
            log: "warn",
          },
          always: { guard: "isWhole", target: "running" },
        },
        draining: {
          meta: { limit: { ms: limits.draining, means: "a CNI call does not end" }, log: "info" },
          entry: "drainPods",
          on: { "pods.drained": "closing", "daemon.stop": {} },
          after: { draining: "closing" },
        },
        closing: {
          meta: { limit: { ms: limits.closing, means: "the CNI socket does not close" }, log: "info" },
          entry: "closeCni",
          on: { "cni.closed": "#headcni.stopped", "daemon.stop": {} },
          after: { closing: "#headcni.stopped" },
        },
      },
    },
    stopped: { type: "final" },
    failed: { type: "final" },
  },
});
