import { assign, enqueueActions, sendTo, setup, stopChild } from "xstate";
import { parsePrefix, routerAddress } from "../../src/domain/addresses/prefix.ts";
import type { ConfigChange } from "../../src/domain/config-change.ts";
import type { Failure } from "../../src/domain/failure.ts";
import { boundNodes, type NodeBinding } from "../../src/domain/kubernetes/node-bindings.ts";
import type { RefusedCall } from "../../src/domain/kubernetes/pod-reports.ts";
import type { AttachmentsChanged } from "../../src/domain/kubernetes/pod-watch-join.ts";
import { clusterNodesMachine } from "../cluster-nodes/cluster-nodes-machine.ts";
import { cniMachine } from "../cni/cni-machine.ts";
import { configMachine } from "../config/config-machine.ts";
import { guardMachine } from "../guard/guard-machine.ts";
import { headscaleMachine } from "../headscale/headscale-machine.ts";
import type { HealthFact } from "../health/health-events.ts";
import { healthMachine } from "../health/health-machine.ts";
import { metricsPageMachine } from "../metrics-page/metrics-page-machine.ts";
import { ownNodeMachine } from "../own-node/own-node-machine.ts";
import { ownerMachine } from "../owner/owner-machine.ts";
import { podWatchMachine } from "../pod-watch/pod-watch-machine.ts";
import { podsMachine } from "../pods/pods-machine.ts";
import type { PolicyEvent } from "../policy/policy-events.ts";
import { policyMachine } from "../policy/policy-machine.ts";
import { readinessMachine } from "../readiness/readiness-machine.ts";
import { routesMachine } from "../routes/routes-machine.ts";
import { type ServiceCidrsReport, serviceCidrsMachine } from "../service-cidrs/service-cidrs-machine.ts";
import { serviceProxyMachine } from "../service-proxy/service-proxy-machine.ts";
import { keep } from "../support/keep-failure.ts";
import type { MachineTypes } from "../support/machine-types.ts";
import { notProvidedSource } from "../support/not-provided.ts";
import { tailscaledMachine } from "../tailscaled/tailscaled-machine.ts";
import { allowlistKeeperMachine } from "../wire/allowlist-keeper-machine.ts";
import type { HeadcniContext, HeadcniEvent, HeadcniInput, HeadcniOutput } from "./headcni-events.ts";

/** Limits of the states, in ms: for `meta` and for `after` alike. */
export const headcniLimits = {
  learning: 60_000,
  starting: 20_000,
  draining: 12_000,
  closing: 12_000,
};

/** Vocabulary of the root: what its chart in headcni-machine.ts is written with. */
export const headcniSetup = setup({
  types: {} as MachineTypes & {
    input: HeadcniInput;
    context: HeadcniContext;
    events: HeadcniEvent;
    output: HeadcniOutput;
    children: {
      health: "health";
      guard: "guard";
      routes: "routes";
      tailscaled: "tailscaled";
      owner: "owner";
      pods: "pods";
      policy: "policy";
      ownNode: "ownNode";
      metricsPage: "metricsPage";
    };
  },
  actors: {
    /** Sends `kernel.failed` when the kernel worker dies. */
    kernel: notProvidedSource<HeadcniEvent, undefined>("headcni.kernel"),
    cni: cniMachine,
    config: configMachine,
    allowlistKeeper: allowlistKeeperMachine,
    guard: guardMachine,
    metricsPage: metricsPageMachine,
    headscale: headscaleMachine,
    health: healthMachine,
    owner: ownerMachine,
    ownNode: ownNodeMachine,
    clusterNodes: clusterNodesMachine,
    podWatch: podWatchMachine,
    pods: podsMachine,
    policy: policyMachine,
    readiness: readinessMachine,
    routes: routesMachine,
    serviceCidrs: serviceCidrsMachine,
    serviceProxy: serviceProxyMachine,
    tailscaled: tailscaledMachine,
  },
  actions: {
    keepFailure: enqueueActions(({ enqueue }, failure: Failure) => keep(enqueue, failure)),
    noteRecovered: assign({ recovered: true }),
    noteEnclosed: assign({ enclosed: true }),
    noteGuarded: assign((_, guarded: boolean) => ({ guarded })),
    keepPrefixes: assign({
      ownPrefixes: (_, { prefixes }: { readonly prefixes: readonly string[] }) => prefixes,
    }),
    introduce: sendTo(
      ({ context }) => context.health,
      ({ context: { cni, node, readiness, headscale } }) => ({
        type: "health.followed" as const,
        cni,
        node,
        readiness,
        headscale,
      }),
    ),
    tellHealth: sendTo(
      ({ context }) => context.health,
      (_, fact: HealthFact) => fact,
    ),
    keepBound: enqueueActions(
      ({ context: { routes }, enqueue }, { bindings }: { readonly bindings: readonly NodeBinding[] }) => {
        const bound = boundNodes(bindings);
        enqueue.assign({ bound });
        if (routes !== null) enqueue.sendTo(routes, { type: "nodes.bound", bound });
      },
    ),
    keepServices: enqueueActions(({ context: { guard }, enqueue }, report: ServiceCidrsReport) => {
      enqueue.assign({ services: report.prefixes });
      if (guard !== null) enqueue.sendTo(guard, report);
    }),
    /** All that stands on the node's pod CIDRs. */
    startNetwork: assign(
      ({ context: { settings, headscale, health, node, ownPrefixes, services, bound }, spawn, self }) => {
        const guard = spawn("guard", {
          id: "guard",
          input: { ownPrefixes, services, health, parent: self },
        });
        const routes = spawn("routes", {
          id: "routes",
          input: { ...settings.routes, own: ownPrefixes, bound, headscale, health },
        });
        if (settings.allowlist !== null) {
          const seed = settings.tailscale.wanted.hostname;
          spawn("allowlistKeeper", {
            id: "allowlistKeeper",
            input: { ...settings.allowlist, seed, parent: self },
          });
        }
        const { mode, mtu, ...tailscale } = settings.tailscale;
        const wanted = { ...tailscale.wanted, advertiseRoutes: ownPrefixes };
        const input = { ...tailscale, wanted, headscale, health, guard, routes, node };
        const tailscaled =
          mode === "host"
            ? spawn("owner", { id: "owner", input: { ...input, mtu } })
            : spawn("tailscaled", { id: "tailscaled", input });
        return { guard, routes, tailscaled };
      },
    ),
    recoverPods: sendTo(
      ({ context }) => context.pods,
      ({ context }) => ({ type: "pods.recover" as const, prefixes: context.ownPrefixes }),
    ),
    /** Both watch Kubernetes, and only then are there. */
    forwardAttachments: enqueueActions(
      ({ context: { node, podWatch }, enqueue }, changed: AttachmentsChanged) => {
        if (node !== null) enqueue.sendTo(node, changed);
        if (podWatch !== null) enqueue.sendTo(podWatch, changed);
      },
    ),
    forwardToPolicy: enqueueActions(
      (
        { context: { policy }, enqueue },
        news: Extract<PolicyEvent, { readonly type: "pods.recovered" | "nodes.changed" }>,
      ) => {
        if (policy !== null) enqueue.sendTo(policy, news);
      },
    ),
    forwardRefusal: enqueueActions(
      ({ context: { podWatch }, enqueue }, call: { readonly type: "call.refused" } & RefusedCall) => {
        if (podWatch !== null) enqueue.sendTo(podWatch, call);
      },
    ),
    /** At addresses that the guard has put on the node. */
    openMetricsPage: enqueueActions(({ context: { settings, ownPrefixes }, enqueue }) => {
      const addresses = ownPrefixes.map((prefix) => routerAddress(parsePrefix(prefix)));
      if (settings.metricsPage)
        enqueue.spawnChild("metricsPage", { id: "metricsPage", input: { addresses } });
    }),
    openPods: sendTo(({ context }) => context.pods, { type: "pods.open" }),
    drainPods: sendTo(({ context }) => context.pods, { type: "pods.drain" }),
    closeCni: sendTo(({ context }) => context.cni, { type: "cni.close" }),
    beginReadiness: sendTo(
      ({ context }) => context.readiness,
      ({ context }) => ({ type: "readiness.begun" as const, prefixes: context.ownPrefixes }),
    ),
    tellReadinessServing: sendTo(({ context }) => context.readiness, { type: "readiness.serving" }),
    applyChanges: enqueueActions(({ context, enqueue }, changes: readonly ConfigChange[]) => {
      for (const { path, to } of changes) {
        if (path === "ipam.restSeconds")
          enqueue.sendTo(context.pods, { type: "pods.restChanged", restMs: Number(to) * 1000 });
        if (path === "readiness.routeProof")
          enqueue.sendTo(context.readiness, { type: "readiness.proofWanted", wanted: to !== '"off"' });
      }
      if (!changes.some(({ path }) => path.startsWith("headscale."))) return;
      enqueue.sendTo(context.headscale, { type: "credentials.replaced" });
      if (context.tailscaled !== null) enqueue.sendTo(context.tailscaled, { type: "credentials.replaced" });
    }),
    keepMove: assign((_, { prefixes }: { readonly prefixes: readonly string[] }) => ({
      failure: {
        code: "POD_CIDR_CHANGED",
        message: `the Node's pod CIDR is now ${prefixes.join(", ")}: the next start works with it`,
      },
    })),
    keepEnd: assign((_, { actorId }: { readonly actorId: string }) => ({
      failure: { code: "ENDED", message: `${actorId} ended by itself` },
    })),
    stopEnded: stopChild((_, { actorId }: { readonly actorId: string }) => actorId),
  },
  guards: {
    knowsPrefixes: ({ context }) => context.ownPrefixes.length > 0,
    canServe: ({ context }) => context.recovered && context.guarded && context.enclosed,
  },
  delays: headcniLimits,
});
