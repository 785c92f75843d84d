import { clusterNodesMachine } from "../../../machines/cluster-nodes/cluster-nodes-machine.ts";
import { nodeListMachine } from "../../../machines/cluster-nodes/node-list-machine.ts";
import { cniMachine } from "../../../machines/cni/cni-machine.ts";
import { configMachine } from "../../../machines/config/config-machine.ts";
import { guardMachine } from "../../../machines/guard/guard-machine.ts";
import { headcniMachine } from "../../../machines/headcni/headcni-machine.ts";
import { headscaleMachine } from "../../../machines/headscale/headscale-machine.ts";
import { metricsPageMachine } from "../../../machines/metrics-page/metrics-page-machine.ts";
import { nodeAddressMachine } from "../../../machines/own-node/node-address-machine.ts";
import { nodeConditionMachine } from "../../../machines/own-node/node-condition-machine.ts";
import { nodeIdentityMachine } from "../../../machines/own-node/node-identity-machine.ts";
import { ownNodeMachine } from "../../../machines/own-node/own-node-machine.ts";
import { ownerFeedMachine } from "../../../machines/owner/owner-feed-machine.ts";
import { ownerMachine } from "../../../machines/owner/owner-machine.ts";
import { podMachine } from "../../../machines/pod/pod-machine.ts";
import { podReportsMachine } from "../../../machines/pod-watch/pod-reports-machine.ts";
import { podWatchMachine } from "../../../machines/pod-watch/pod-watch-machine.ts";
import { podsMachine } from "../../../machines/pods/pods-machine.ts";
import { policyFlowsMachine } from "../../../machines/policy/policy-flows-machine.ts";
import { policyMachine } from "../../../machines/policy/policy-machine.ts";
import { policyMemoryMachine } from "../../../machines/policy/policy-memory-machine.ts";
import { readinessMachine } from "../../../machines/readiness/readiness-machine.ts";
import { ownRouteMachine } from "../../../machines/route/own-route-machine.ts";
import { peerRouteMachine } from "../../../machines/route/peer-route-machine.ts";
import { routesMachine } from "../../../machines/routes/routes-machine.ts";
import { serviceCidrsMachine } from "../../../machines/service-cidrs/service-cidrs-machine.ts";
import { serviceProxyMachine } from "../../../machines/service-proxy/service-proxy-machine.ts";
import { rejoinMachine } from "../../../machines/tailnet/rejoin-machine.ts";
import { tailnetFeedMachine } from "../../../machines/tailnet/tailnet-feed-machine.ts";
import { tailnetLoginMachine } from "../../../machines/tailnet/tailnet-login-machine.ts";
import { tailnetMachine } from "../../../machines/tailnet/tailnet-machine.ts";
import { tailscaledMachine } from "../../../machines/tailscaled/tailscaled-machine.ts";
import { watchMachine } from "../../../machines/watch/watch-machine.ts";
import { cniActors } from "../../actors/cni-socket-actor.ts";
import { configActors } from "../../actors/config-actors.ts";
import { guardActors } from "../../actors/guard-actors.ts";
import type { KernelWatch } from "../../actors/kernel-watch.ts";
import { nodeListActors } from "../../actors/kubernetes/node-list-actors.ts";
import { ownNodeActors } from "../../actors/kubernetes/own-node-actors.ts";
import { podWatchActors } from "../../actors/kubernetes/pod-watch-actors.ts";
import { serviceCidrsActors } from "../../actors/kubernetes/service-cidrs-actors.ts";
import { serviceProxyActors } from "../../actors/kubernetes/service-proxy-actors.ts";
import { watchActors } from "../../actors/kubernetes/watch-actors.ts";
import { metricsPageActors } from "../../actors/metrics-page-actors.ts";
import { podActors, podsActors } from "../../actors/pod-actors.ts";
import { policyActors } from "../../actors/policy/policy-actors.ts";
import { readinessActors } from "../../actors/readiness-actors.ts";
import { allowlistKeeper } from "../../actors/tailnet/allowlist-actors.ts";
import { headscaleActors } from "../../actors/tailnet/headscale-actors.ts";
import { ownerActors } from "../../actors/tailnet/owner-actors.ts";
import { routeActors } from "../../actors/tailnet/route-actors.ts";
import { tailnetActors } from "../../actors/tailnet/tailnet-actors.ts";
import type { Config } from "../../config/config-schema.ts";
import type { ConfigSource } from "../../ports/config-source.ts";
import type { PublishedConflist } from "../../ports/conflist.ts";
import type { MetricsPage } from "../../ports/metrics-page.ts";
import { guardSettings } from "../settings.ts";
import type { NodePorts } from "./node-ports.ts";

/** What the machines need besides the ports. */
export interface MachineWiring {
  readonly kernelWatch: KernelWatch;
  readonly configSource: ConfigSource;
  readonly metricsPage: MetricsPage;
  readonly conflistPublished: (conflist: PublishedConflist) => void;
}

/** Every machine with its effects: the one place where statecharts and ports meet. */
export function provideMachines(config: Config, ports: NodePorts, wiring: MachineWiring) {
  const now = Date.now;
  const tailnet = tailnetActors(ports.tailnet, ports.headscale, ports.readAuthKey, ports.wire);
  const { carrier } = ports;
  const owner = ownerActors(ports.owner, ports.tailnet, ports.kernel, ports.allowlist.reload);
  const session = tailnetMachine.provide({
    actors: {
      ...tailnet.tailnet,
      feed: tailnetFeedMachine.provide({ actors: tailnet.feed }),
      login: tailnetLoginMachine.provide({ actors: tailnet.login }),
      rejoin: rejoinMachine.provide({ actors: tailnet.rejoin }),
    },
  });
  const routes = routeActors(ports.kernel, ports.tailnet, async () => (await carrier()).tunnel.name);
  const ownNode = ownNodeActors(ports.kubernetes, ports.nodeMemory);
  const podWatch = podWatchActors(ports.kubernetes, ports.sandboxUsers, now);
  const policy = policyActors(ports, ports.policyMemory, config.nodeName);
  const watch = watchMachine.provide({ actors: watchActors(ports.kubernetes) });
  return headcniMachine.provide({
    actors: {
      kernel: wiring.kernelWatch.actor,
      cni: cniMachine.provide({ actors: cniActors(ports.exchanges, now) }),
      config: configMachine.provide({ actors: configActors(wiring.configSource) }),
      guard: guardMachine.provide({
        actors: guardActors(ports, async () => ({ ...guardSettings(config), carrier: await carrier() })),
      }),
      allowlistKeeper: allowlistKeeper(ports.allowlist),
      metricsPage: metricsPageMachine.provide({ actors: metricsPageActors(wiring.metricsPage) }),
      headscale: headscaleMachine.provide({ actors: headscaleActors(ports.headscale) }),
      clusterNodes: clusterNodesMachine.provide({
        actors: { watch, list: nodeListMachine.provide({ actors: nodeListActors(ports.nodeList) }) },
      }),
      serviceCidrs: serviceCidrsMachine.provide({
        actors: { watch, ...serviceCidrsActors(ports.serviceMemory) },
      }),
      serviceProxy: serviceProxyMachine.provide({ actors: serviceProxyActors(ports.firewall) }),
      ownNode: ownNodeMachine.provide({
        actors: {
          ...ownNode.ownNode,
          watch,
          condition: nodeConditionMachine.provide({ actors: ownNode.condition }),
          identity: nodeIdentityMachine.provide({ actors: ownNode.identity }),
          address: nodeAddressMachine.provide({ actors: ownNode.address }),
        },
      }),
      podWatch: podWatchMachine.provide({
        actors: {
          ...podWatch.podWatch,
          watch,
          reports: podReportsMachine.provide({ actors: podWatch.reports }),
        },
      }),
      pods: podsMachine.provide({
        actors: {
          ...podsActors(ports.podNetwork, ports.addressHints),
          pod: podMachine.provide({ actors: podActors(ports.podNetwork, now) }),
        },
      }),
      policy: policyMachine.provide({
        actors: {
          ...policy.policy,
          watch,
          memory: policyMemoryMachine.provide({ actors: policy.memory }),
          flows: policyFlowsMachine.provide({ actors: policy.flows }),
        },
      }),
      readiness: readinessMachine.provide({
        actors: readinessActors(ports.conflist, ports.proof, wiring.conflistPublished),
      }),
      routes: routesMachine.provide({
        actors: {
          ...routes.routes,
          ownRoute: ownRouteMachine.provide({ actors: routes.ownRoute }),
          peerRoute: peerRouteMachine.provide({ actors: routes.peerRoute }),
        },
      }),
      tailscaled: tailscaledMachine.provide({
        actors: {
          ...tailnet.tailscaled,
          tailnet: session,
        },
      }),
      owner: ownerMachine.provide({
        actors: {
          ...owner.owner,
          feed: ownerFeedMachine.provide({ actors: owner.feed }),
          tailnet: session,
        },
      }),
    },
  });
}
