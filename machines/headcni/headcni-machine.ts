import { not } from "xstate";
import { toFailure } from "../../src/domain/failure.ts";
import { headcniLimits, headcniSetup } from "./headcni-setup.ts";

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
    const cni = spawn("cni", {
      id: "cni",
      input: { pods, parent: self, provenBefore: settings.provenBefore === true },
    });
    spawn("config", { id: "config", input: { parent: self } });
    const readiness = spawn("readiness", { id: "readiness", input: { parent: self } });
    const headscale = spawn("headscale", { id: "headscale", input: settings.headscale });
    const { kubernetes, ownPrefixes } = settings;
    const node =
      kubernetes && spawn("ownNode", { id: "ownNode", input: { ...kubernetes.node, parent: self } });
    if (kubernetes !== null)
      spawn("clusterNodes", { id: "clusterNodes", input: { seed: kubernetes.node.seed, parent: self } });
    const podWatch =
      kubernetes && spawn("podWatch", { id: "podWatch", input: { ...kubernetes.podWatch, pods } });
    return {
      settings,
      // With Kubernetes ownNode tells, also what the configuration pins: the Node must agree with it.
      ownPrefixes: kubernetes === null ? ownPrefixes : [],
      expected: null,
      node,
      podWatch,
      pods,
      cni,
      readiness,
      headscale,
      recovered: false,
      serving: false,
      nodeTrouble: "",
      nodeConflict: "",
      guardTrouble: "the guard has not looked yet",
      tailnetTrouble: "tailscaled has not been looked at yet",
      loginTrouble: "",
      routeTrouble: "this node's route has not been proven yet",
      controlled: false,
      provenOnce: false,
      failure: null,
    };
  },
  options: { maxIterations: 1_000 },
  initial: "learning",
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
    "pods.recovered": {
      actions: [
        "noteRecovered",
        {
          type: "forwardAttachments",
          params: ({ event: { count } }) => ({ type: "attachments.changed", added: [], removed: [], count }),
        },
      ],
    },
    "attachments.changed": { actions: { type: "forwardAttachments", params: ({ event }) => event } },
    "call.refused": { actions: { type: "forwardRefusal", params: ({ event }) => event } },
    "nodes.changed": { actions: { type: "keepExpected", params: ({ event }) => event } },
    "nodes.departed": { actions: { type: "tellDeparted", params: ({ event }) => event } },
    "node.waiting": {
      actions: [{ type: "noteNode", params: ({ event }) => event.reason }, "tellCni"],
    },
    "node.agreed": {
      actions: [
        { type: "noteConflict", params: "" },
        { type: "noteNode", params: ({ event }) => event.note },
        "refuseAttach",
        "tellNetwork",
      ],
    },
    "node.conflicting": {
      actions: [{ type: "noteConflict", params: ({ event }) => event.reason }, "refuseAttach", "tellNetwork"],
    },
    "node.moved": {
      target: ".failed",
      actions: { type: "keepMove", params: ({ event }) => event },
    },
    "config.changed": { actions: { type: "applyChanges", params: ({ event }) => event.changes } },
    "readiness.published": { actions: ["noteProvenOnce", "tellCni", "tellNetwork"] },
  },
  output: ({ context }) => ({ failure: context.failure }),
  states: {
    learning: {
      meta: {
        limit: {
          ms: headcniLimits.learning,
          means: "this node's pod CIDR is not known: see the machine ownNode",
        },
        log: "info",
      },
      entry: ["tellCni", "tellNetwork"],
      always: { guard: "knowsPrefixes", target: "recalling" },
      on: {
        "node.podCIDRs": { actions: { type: "keepPrefixes", params: ({ event }) => event } },
        "daemon.stop": "stopped",
      },
    },
    recalling: {
      meta: { limit: { ms: headcniLimits.recalling, means: "the state directory cannot be read" } },
      invoke: {
        src: "recallProof",
        input: ({ context }) => ({ prefixes: context.ownPrefixes }),
        onDone: [
          {
            guard: { type: "wasProven", params: ({ event }) => ({ proven: event.output }) },
            target: "starting",
            actions: "noteProvenOnce",
          },
          { target: "starting" },
        ],
        onError: "starting",
      },
      on: { "daemon.stop": "stopped" },
      after: { recalling: "starting" },
    },
    starting: {
      meta: {
        limit: { ms: headcniLimits.preparing, means: "the tailnet namespace cannot be made" },
        log: "info",
      },
      entry: ["recoverPods", "tellCni"],
      invoke: {
        src: "prepareNode",
        input: ({ context }) => ({ prefixes: context.ownPrefixes }),
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
      invoke: [
        {
          id: "guard",
          src: "guard",
          input: ({ context: { ownPrefixes }, self }) => ({
            terms: { ownPrefixes, refusedPrefixes: [] },
            parent: self,
          }),
          onError: { target: "failed", actions: keepFailureOf },
        },
        {
          id: "tailscaled",
          src: "tailscaled",
          input: ({ context: { settings, headscale, ownPrefixes }, self }) => ({
            ...settings.tailscale,
            wanted: { ...settings.tailscale.wanted, advertiseRoutes: ownPrefixes },
            headscale,
            parent: self,
          }),
          onError: { target: "failed", actions: keepFailureOf },
        },
        {
          id: "routes",
          src: "routes",
          onDone: { target: "failed", actions: { type: "keepEnd", params: { actorId: "routes" } } },
          input: ({ context: { settings, headscale, ownPrefixes, expected }, self }) => ({
            ...settings.routes,
            own: ownPrefixes,
            expected,
            headscale,
            parent: self,
          }),
          onError: { target: "failed", actions: keepFailureOf },
        },
      ],
      on: {
        "guard.held": { actions: [{ type: "noteGuard", params: "" }, "tellNetwork"] },
        "guard.repairing": {
          actions: [
            {
              type: "noteGuard",
              params: ({ event }) => `the guard mends ${event.invariants.join(", ")}`,
            },
            "tellNetwork",
          ],
        },
        "guard.fighting": {
          actions: [
            {
              type: "noteGuard",
              params: ({ event }) => `somebody undoes what the guard mends: ${event.invariants.join(", ")}`,
            },
            "tellNetwork",
          ],
        },
        "guard.failed": {
          actions: [
            {
              type: "noteGuard",
              params: ({ event }) => `the guard cannot mend: ${event.failure.message}`,
            },
            "tellNetwork",
          ],
        },
        "tailscale.changed": {
          actions: [
            { type: "tellHeadscale", params: ({ event }) => event.status },
            { type: "tellRoutes", params: ({ event }) => event.status },
          ],
        },
        "tailscale.entered": { actions: "openGuard" },
        "tailscale.left": { actions: "closeGuard" },
        "tailscale.up": { actions: [{ type: "noteTailnet", params: "" }, "tellNetwork"] },
        "tailscale.down": {
          actions: [
            { type: "noteTailnet", params: ({ event }) => `the tailnet is down: ${event.reason}` },
            "tellNetwork",
          ],
        },
        "tailscale.loginWanted": {
          actions: [{ type: "noteLogin", params: ({ event }) => event }, "tellNetwork"],
        },
        "tailscale.loginEnded": { actions: ["noteLoggedIn", "tellNetwork"] },
        "routes.proven": {
          actions: [{ type: "noteProof", params: "" }, "tellReadinessProven", "tellNetwork"],
        },
        "peers.refused": { actions: { type: "tellRefused", params: ({ event }) => event } },
        "nodes.changed": {
          actions: [{ type: "keepExpected", params: ({ event }) => event }, "tellExpected"],
        },
        "routes.unproven": {
          actions: [{ type: "noteProof", params: ({ event }) => event.reason }, "tellCni", "tellNetwork"],
        },
        "config.changed": {
          actions: [{ type: "applyChanges", params: ({ event }) => event.changes }, "offerCredentials"],
        },
        "daemon.stop": ".draining",
      },
      initial: "recovering",
      states: {
        recovering: {
          meta: {
            limit: { ms: headcniLimits.recovering, means: "pods cannot be served yet: see guard and pods" },
          },
          always: { guard: "canServe", target: "serving" },
        },
        serving: {
          entry: ["openPods", "tellReadinessServing", "noteServing", "tellNetwork"],
          always: [{ guard: "isWhole", target: "running" }, { target: "degraded" }],
        },
        running: {
          meta: { limit: "none", because: "this is where everything is as it should be", log: "info" },
          always: { guard: not("isWhole"), target: "degraded" },
        },
        degraded: {
          meta: {
            limit: {
              ms: headcniLimits.degraded,
              means: "pods are served, but something is missing: see the reasons on /ready",
            },
            log: "warn",
          },
          always: { guard: "isWhole", target: "running" },
        },
        draining: {
          meta: { limit: { ms: headcniLimits.draining, means: "a CNI call does not end" }, log: "info" },
          entry: "drainPods",
          on: { "pods.drained": "closing", "daemon.stop": {} },
          after: { draining: "closing" },
        },
        closing: {
          meta: { limit: { ms: headcniLimits.closing, means: "the CNI socket does not close" }, log: "info" },
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
