import type { AnyStateMachine } from "xstate";
import { cleanupMachine } from "./cleanup/cleanup-machine.ts";
import { clusterNodesMachine } from "./cluster-nodes/cluster-nodes-machine.ts";
import { nodeListMachine } from "./cluster-nodes/node-list-machine.ts";
import { cniMachine } from "./cni/cni-machine.ts";
import { configMachine } from "./config/config-machine.ts";
import { approvalMachine } from "./controller/approval-machine.ts";
import { approvalsMachine } from "./controller/approvals-machine.ts";
import { controllerMachine } from "./controller/controller-machine.ts";
import { electionMachine } from "./controller/election-machine.ts";
import { joinKeyMachine } from "./controller/join-key-machine.ts";
import { nodeLedgerMachine } from "./controller/node-ledger-machine.ts";
import { guardMachine } from "./guard/guard-machine.ts";
import { headcniMachine } from "./headcni/headcni-machine.ts";
import { headscaleMachine } from "./headscale/headscale-machine.ts";
import { healthMachine } from "./health/health-machine.ts";
import { linksMachine } from "./links/links-machine.ts";
import { metricsPageMachine } from "./metrics-page/metrics-page-machine.ts";
import { nodeAddressMachine } from "./own-node/node-address-machine.ts";
import { nodeConditionMachine } from "./own-node/node-condition-machine.ts";
import { nodeIdentityMachine } from "./own-node/node-identity-machine.ts";
import { ownNodeMachine } from "./own-node/own-node-machine.ts";
import { ownerFeedMachine } from "./owner/owner-feed-machine.ts";
import { ownerMachine } from "./owner/owner-machine.ts";
import { podMachine } from "./pod/pod-machine.ts";
import { podReportsMachine } from "./pod-watch/pod-reports-machine.ts";
import { podWatchMachine } from "./pod-watch/pod-watch-machine.ts";
import { podsMachine } from "./pods/pods-machine.ts";
import { policyFlowsMachine } from "./policy/policy-flows-machine.ts";
import { policyMachine } from "./policy/policy-machine.ts";
import { policyMemoryMachine } from "./policy/policy-memory-machine.ts";
import { readinessMachine } from "./readiness/readiness-machine.ts";
import { requestMachine } from "./request/request-machine.ts";
import { ownRouteMachine } from "./route/own-route-machine.ts";
import { peerRouteMachine } from "./route/peer-route-machine.ts";
import { routesMachine } from "./routes/routes-machine.ts";
import { serviceCidrsMachine } from "./service-cidrs/service-cidrs-machine.ts";
import { serviceProxyMachine } from "./service-proxy/service-proxy-machine.ts";
import { rejoinMachine } from "./tailnet/rejoin-machine.ts";
import { tailnetFeedMachine } from "./tailnet/tailnet-feed-machine.ts";
import { tailnetLoginMachine } from "./tailnet/tailnet-login-machine.ts";
import { tailnetMachine } from "./tailnet/tailnet-machine.ts";
import { tailscaledMachine } from "./tailscaled/tailscaled-machine.ts";
import { watchMachine } from "./watch/watch-machine.ts";
import { allowlistKeeperMachine } from "./wire/allowlist-keeper-machine.ts";
import { allowlistMachine } from "./wire/allowlist-machine.ts";
import { wireResolverMachine } from "./wire/resolver-machine.ts";
import { wireMachine } from "./wire/wire-machine.ts";

/** Every machine of the daemon, of headcni-wire, of headcni-controller and of `headcni --cleanup`, by its id: what the coverage tests, the diagrams and the metrics go through. */
export const allMachines: readonly AnyStateMachine[] = [
  headcniMachine,
  healthMachine,
  configMachine,
  readinessMachine,
  guardMachine,
  podsMachine,
  podMachine,
  linksMachine,
  cniMachine,
  requestMachine,
  tailscaledMachine,
  ownerMachine,
  ownerFeedMachine,
  tailnetMachine,
  tailnetFeedMachine,
  tailnetLoginMachine,
  rejoinMachine,
  headscaleMachine,
  routesMachine,
  ownRouteMachine,
  peerRouteMachine,
  ownNodeMachine,
  nodeConditionMachine,
  nodeIdentityMachine,
  nodeAddressMachine,
  clusterNodesMachine,
  nodeListMachine,
  serviceCidrsMachine,
  serviceProxyMachine,
  policyMachine,
  policyMemoryMachine,
  policyFlowsMachine,
  metricsPageMachine,
  podWatchMachine,
  podReportsMachine,
  watchMachine,
  wireMachine,
  wireResolverMachine,
  allowlistKeeperMachine,
  allowlistMachine,
  controllerMachine,
  electionMachine,
  nodeLedgerMachine,
  approvalsMachine,
  approvalMachine,
  joinKeyMachine,
  cleanupMachine,
];
