import { keepError } from "../support/keep-failure.ts";
import { mayLast, stuckAfter } from "../support/state-limit.ts";
import { headcniLimits, headcniSetup } from "./headcni-setup.ts";

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
    const policy =
      kubernetes?.policy == null ? null : spawn("policy", { id: "policy", input: kubernetes.policy });
    const pods = spawn("pods", { id: "pods", input: { settings: settings.pods, policy, parent: self } });
    const cni = spawn("cni", { id: "cni", input: { pods, health, parent: self } });
    spawn("config", { id: "config", input: { parent: self } });
    const headscale = spawn("headscale", { id: "headscale", input: settings.headscale });
    if (kubernetes !== null) {
      spawn("clusterNodes", {
        id: "clusterNodes",
        input: { seed: kubernetes.node.seed, headscale, parent: self },
      });
      spawn("serviceCidrs", { id: "serviceCidrs", input: { ...kubernetes.serviceCidrs, parent: self } });
      spawn("serviceProxy", { id: "serviceProxy", input: { health } });
    }
    return {
      settings,
      // With Kubernetes ownNode tells, also what the configuration pins: the Node must agree with it.
      ownPrefixes: kubernetes === null ? ownPrefixes : [],
      bound: null,
      services: kubernetes?.serviceCidrs.remembered ?? [],
      node:
        kubernetes &&
        spawn("ownNode", { id: "ownNode", input: { ...kubernetes.node, health, pods, parent: self } }),
      podWatch: kubernetes && spawn("podWatch", { id: "podWatch", input: { ...kubernetes.podWatch, pods } }),
      policy,
      health,
      pods,
      cni,
      readiness: spawn("readiness", { id: "readiness", input: { ...readiness, health } }),
      headscale,
      guard: null,
      routes: null,
      tailscaled: null,
      recovered: false,
      guarded: false,
      enclosed: settings.allowlist === null,
      failure: null,
    };
  },
  options: { maxIterations: 1_000 },
  entry: "introduce",
  initial: "learning",
  invoke: { src: "kernel", onError: { target: ".failed", actions: keepError } },
  on: {
    "kernel.failed": {
      target: ".failed",
      actions: { type: "keepFailure", params: ({ event }) => event.failure },
    },
    "xstate.error.actor.*": {
      target: ".failed",
      actions: [keepError, { type: "stopEnded", params: ({ event }) => event }],
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
        { type: "forwardToPolicy", params: ({ event }) => event },
        {
          type: "forwardAttachments",
          params: ({ event: { count } }) => ({ type: "attachments.changed", added: [], removed: [], count }),
        },
      ],
    },
    "attachments.changed": { actions: { type: "forwardAttachments", params: ({ event }) => event } },
    "call.refused": { actions: { type: "forwardRefusal", params: ({ event }) => event } },
    "allowlist.inForce": { actions: "noteEnclosed" },
    "guard.*": { actions: { type: "noteGuarded", params: ({ event }) => event.type === "guard.held" } },
    "nodes.changed": {
      actions: [
        { type: "keepBound", params: ({ event }) => event },
        { type: "forwardToPolicy", params: ({ event }) => event },
      ],
    },
    "services.changed": { actions: { type: "keepServices", params: ({ event }) => event } },
    "node.moved": {
      target: ".failed",
      actions: { type: "keepMove", params: ({ event }) => event },
    },
    "config.changed": { actions: { type: "applyChanges", params: ({ event }) => event.changes } },
  },
  output: ({ context }) => ({ failure: context.failure }),
  states: {
    learning: {
      meta: stuckAfter(
        headcniLimits.learning,
        "this node's pod CIDR is not known: see the machine ownNode",
        "info",
      ),
      always: { guard: "knowsPrefixes", target: "starting" },
      on: {
        "node.podCIDRs": { actions: { type: "keepPrefixes", params: ({ event }) => event } },
        "daemon.stop": "stopped",
      },
    },
    starting: {
      meta: stuckAfter(headcniLimits.starting, "pods cannot be served yet: see guard and pods", "info"),
      entry: ["recoverPods", "beginReadiness", "startNetwork"],
      always: { guard: "canServe", target: "live" },
      on: { "daemon.stop": "draining" },
    },
    live: {
      meta: mayLast("pods are served; the machine health names what is missing", "info"),
      entry: [
        "openPods",
        "openMetricsPage",
        "tellReadinessServing",
        { type: "tellHealth", params: { type: "service.opened" } },
      ],
      on: { "daemon.stop": "draining" },
    },
    draining: {
      meta: stuckAfter(headcniLimits.draining, "a CNI call does not end", "info"),
      entry: ["drainPods", { type: "tellHealth", params: { type: "service.closed" } }],
      on: { "pods.drained": "closing", "daemon.stop": {} },
      after: { draining: "closing" },
    },
    closing: {
      meta: stuckAfter(headcniLimits.closing, "the CNI socket does not close", "info"),
      entry: "closeCni",
      on: { "cni.closed": "stopped", "daemon.stop": {} },
      after: { closing: "stopped" },
    },
    stopped: { type: "final" },
    failed: { type: "final" },
  },
});
