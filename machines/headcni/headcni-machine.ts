import { toFailure } from "../../src/domain/failure.ts";
import { headcniLimits, headcniSetup } from "./headcni-setup.ts";

const keepFailureOf = {
  type: "keepFailure",
  params: ({ event }: { event: { readonly error: unknown } }) => toFailure(event.error),
} as const;

/**
 * The whole daemon. Its children run from its first moment (the socket listens while the kernel is still being read) to its
 * last. It supervises and hands on; what is missing on a node that serves says `health`.
 */
export const headcniMachine = headcniSetup.createMachine({
  id: "headcni",
  context: ({ input: { settings }, spawn, self }) => {
    const { kubernetes, ownPrefixes, tailscale, readiness } = settings;
    const health = spawn("health", {
      id: "health",
      input: {
        authKeyFrom: tailscale.authKeyFrom,
        kubernetes: kubernetes !== null,
        provenBefore: readiness.provenPrefixes.length > 0,
      },
    });
    const pods = spawn("pods", { id: "pods", input: { settings: settings.pods, parent: self } });
    const cni = spawn("cni", { id: "cni", input: { pods, health, parent: self } });
    spawn("config", { id: "config", input: { parent: self } });
    if (kubernetes !== null)
      spawn("clusterNodes", { id: "clusterNodes", input: { seed: kubernetes.node.seed, parent: self } });
    return {
      settings,
      // With Kubernetes ownNode tells, also what the configuration pins: the Node must agree with it.
      ownPrefixes: kubernetes === null ? ownPrefixes : [],
      expected: null,
      node: kubernetes && spawn("ownNode", { id: "ownNode", input: { ...kubernetes.node, parent: self } }),
      podWatch: kubernetes && spawn("podWatch", { id: "podWatch", input: { ...kubernetes.podWatch, pods } }),
      health,
      pods,
      cni,
      readiness: spawn("readiness", { id: "readiness", input: { ...readiness, health } }),
      headscale: spawn("headscale", { id: "headscale", input: settings.headscale }),
      recovered: false,
      guarded: false,
      controlled: null,
      failure: null,
    };
  },
  options: { maxIterations: 1_000 },
  entry: "introduce",
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
    "node.waiting": { actions: { type: "tellHealth", params: ({ event }) => event } },
    "node.agreed": {
      actions: [
        { type: "tellHealth", params: ({ event }) => event },
        { type: "refuseAttach", params: "" },
      ],
    },
    "node.conflicting": {
      actions: [
        { type: "tellHealth", params: ({ event }) => event },
        { type: "refuseAttach", params: ({ event }) => event.reason },
      ],
    },
    "node.moved": {
      target: ".failed",
      actions: { type: "keepMove", params: ({ event }) => event },
    },
    "config.changed": { actions: { type: "applyChanges", params: ({ event }) => event.changes } },
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
      always: { guard: "knowsPrefixes", target: "live" },
      on: {
        "node.podCIDRs": { actions: { type: "keepPrefixes", params: ({ event }) => event } },
        "daemon.stop": "stopped",
      },
    },
    live: {
      entry: ["recoverPods", "beginReadiness"],
      invoke: [
        {
          id: "guard",
          src: "guard",
          input: ({ context: { ownPrefixes, health }, self }) => ({
            terms: { ownPrefixes, refusedPrefixes: [] },
            health,
            parent: self,
          }),
          onError: { target: "failed", actions: keepFailureOf },
        },
        {
          id: "tailscaled",
          src: "tailscaled",
          input: ({ context: { settings, headscale, health, ownPrefixes }, self }) => ({
            ...settings.tailscale,
            wanted: { ...settings.tailscale.wanted, advertiseRoutes: ownPrefixes },
            headscale,
            health,
            parent: self,
          }),
          onError: { target: "failed", actions: keepFailureOf },
        },
        {
          id: "routes",
          src: "routes",
          onDone: { target: "failed", actions: { type: "keepEnd", params: { actorId: "routes" } } },
          input: ({ context: { settings, headscale, health, ownPrefixes, expected }, self }) => ({
            ...settings.routes,
            health,
            own: ownPrefixes,
            expected,
            headscale,
            parent: self,
          }),
          onError: { target: "failed", actions: keepFailureOf },
        },
      ],
      on: {
        "guard.held": { actions: { type: "noteGuarded", params: true } },
        "guard.repairing": { actions: { type: "noteGuarded", params: false } },
        "guard.fighting": { actions: { type: "noteGuarded", params: false } },
        "guard.failed": { actions: { type: "noteGuarded", params: false } },
        "tailscale.changed": {
          actions: [
            { type: "tellHeadscale", params: ({ event }) => event.status },
            { type: "tellRoutes", params: ({ event }) => event.status },
          ],
        },
        "tailscale.entered": { actions: "openGuard" },
        "tailscale.left": { actions: "closeGuard" },
        "peers.refused": { actions: { type: "tellRefused", params: ({ event }) => event } },
        "nodes.changed": {
          actions: [{ type: "keepExpected", params: ({ event }) => event }, "tellExpected"],
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
          meta: {
            limit: "none",
            because: "pods are served; what is missing the health machine says",
            log: "info",
          },
          entry: [
            "openPods",
            "tellReadinessServing",
            { type: "tellHealth", params: { type: "service.opened" } },
          ],
        },
        draining: {
          meta: { limit: { ms: headcniLimits.draining, means: "a CNI call does not end" }, log: "info" },
          entry: ["drainPods", { type: "tellHealth", params: { type: "service.closed" } }],
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
