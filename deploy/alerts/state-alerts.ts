import type { StateAlert } from "./alert-types.ts";

/** The alert for every state with a limit that no other alert names. */
export const stuckAlert = {
  alert: "HeadcniMachineStuck",
  severity: "warning",
  matter: "a machine is stuck",
} as const;

/** States that belong together, because the same thing helps against them. */
export const stateAlerts: readonly StateAlert[] = [
  {
    alert: "HeadcniNotServing",
    severity: "critical",
    matter: "new pods are not served",
    states: {
      headcni: ["learning", "starting"],
      pods: ["closed", "recovering", "recoveryFailed", "recovered"],
    },
  },
  {
    alert: "HeadcniDegraded",
    severity: "warning",
    matter: "something is missing on the node",
    states: {
      health: [
        "guard.unknown",
        "guard.repairing",
        "guard.fighting",
        "guard.failed",
        "tailnet.unknown",
        "tailnet.down",
        "owner.wrong",
        "control.away",
        "login.pending",
        "login.refused",
        "login.forgotten",
        "route.unknown",
        "route.unproven",
        "node.waiting",
        "node.unsure",
        "node.conflicting",
        "cni.down",
      ],
    },
  },
  {
    alert: "HeadcniUnproven",
    severity: "critical",
    matter: "the node never proved its route, so the container runtime does not find the plugin yet",
    states: { readiness: ["notServing", "awaitingProof", "recording", "publishing", "backingOff"] },
  },
  {
    alert: "HeadcniCniSocketDown",
    severity: "critical",
    matter: "the plugin does not reach the daemon",
    states: { cni: ["open.binding", "backingOff"] },
  },
  {
    alert: "HeadcniTailnetDown",
    severity: "critical",
    matter: "the tailnet is down",
    states: {
      // A tailscaled that ends again and again goes round through all of these.
      tailscaled: ["away", "entering", "awaitingGuard", "attending.awaitingTailnet"],
      owner: [
        "away",
        "found.examining",
        "found.hindered",
        "found.attending.session.awaitingTailnet",
        "found.attending.preferences.awaitingInterface",
        "found.attending.preferences.awaitingGuard",
      ],
      tailnet: ["examining", "connecting", "greeting"],
      // Each end of it is short: what counts is that it does not stay up.
      wire: [
        "preparing",
        "unprepared",
        "announcing",
        "serving.starting",
        "serving.publishing",
        "serving.unpublished",
        "serving.young",
        "fallen",
        "backingOff",
      ],
      wireResolver: ["running.young", "backingOff"],
    },
  },
  {
    alert: "HeadcniAllowlistStale",
    severity: "critical",
    matter: "this node refuses nodes that join or change, or they refuse it",
    states: {
      wire: ["enclosing"],
      // Each life of a machine that fails again and again is short.
      allowlistKeeper: ["keeping.young", "crashed"],
      allowlist: [
        "list.reading",
        "list.unlisted",
        "list.unreadable",
        "netmap.following.reading",
        "netmap.following.backingOff",
        "netmap.away",
        "watch.deaf",
        "table.applying",
        "table.rateLimited",
        "table.backingOff",
      ],
      nodeList: ["recalling", "writing", "backingOff"],
      nodeIdentity: ["publishing", "backingOff"],
    },
  },
  {
    alert: "HeadcniNotLoggedIn",
    severity: "critical",
    matter: "the node is not in the tailnet",
    states: {
      tailnet: ["needsLogin"],
      tailnetLogin: [
        "examining",
        "confirming",
        "asking",
        "loggingIn",
        "registering",
        "disconnectingControl",
        "backingOff",
        "awaitingOwner",
      ],
    },
  },
  {
    alert: "HeadcniHeadscaleUnreachable",
    severity: "warning",
    matter: "Headscale does not answer; running pods keep working",
    states: {
      headscale: ["probing", "backingOff", "connected.working"],
      tailnet: ["degraded"],
      rejoin: ["readingClock", "awaitingTick", "probing", "aligning", "asking", "backingOff"],
    },
  },
  {
    alert: "HeadcniHeadscaleRefused",
    severity: "critical",
    matter: "Headscale rejects the API key",
    states: { headscale: ["refused"] },
    certain: true,
  },
  {
    alert: "HeadcniRouteNotApproved",
    severity: "critical",
    matter: "Headscale does not approve the node's pod CIDR",
    states: { ownRoute: ["awaitingApproval"] },
  },
  {
    alert: "HeadcniRouteNotServing",
    severity: "critical",
    matter: "peers do not reach the node's pods",
    // A route that is approved and not served is asked for anew: it goes round through the approval, too.
    states: { ownRoute: ["announcing", "awaitingApproval", "awaitingService", "lost"] },
  },
  {
    alert: "HeadcniGuardFighting",
    severity: "critical",
    matter: "the node's rules and routes do not stay in the desired state",
    states: { guard: ["checking", "repairing", "fighting", "backingOff"] },
  },
  {
    alert: "HeadcniPodNotRemoved",
    severity: "warning",
    matter: "what a deleted pod left cannot be removed",
    states: { pod: ["detaching"] },
  },
  {
    alert: "HeadcniConfigUnread",
    severity: "warning",
    matter: "the configuration cannot be read or applied",
    states: { config: ["following.validating", "following.applying", "backingOff"] },
  },
  {
    alert: "HeadcniPoliciesNotEnforced",
    severity: "critical",
    matter: "changes of NetworkPolicies do not take effect, and new pods wait",
    states: {
      policy: [
        "working.table.awaiting",
        "working.table.unheard",
        "working.table.enforcing",
        "working.table.backingOff",
      ],
    },
  },
  {
    alert: "HeadcniPolicyRefused",
    severity: "warning",
    matter: "a NetworkPolicy is not enforced as it is written",
    states: { policy: ["working.objects.refused"] },
  },
  {
    alert: "HeadcniApiServerUnreachable",
    severity: "warning",
    matter: "the Kubernetes API server does not answer; running pods keep working",
    states: {
      watch: ["following.listing", "following.resuming", "endedEarly", "backingOff"],
      ownNode: ["working.holding.unconfirmed"],
      clusterNodes: ["working.unknown"],
      nodeCondition: ["doubting", "setting", "backingOff"],
      policy: ["working.knowledge.unknown", "working.knowledge.stale"],
      podWatch: ["working.pods.unknown", "working.pods.stale"],
      podReports: ["posting", "backingOff"],
    },
  },
  {
    alert: "HeadcniApiServerRefused",
    severity: "critical",
    matter: "the Kubernetes API server refuses the daemon",
    states: { watch: ["refused"] },
    certain: true,
  },
  {
    alert: "HeadcniNoPodCidr",
    severity: "critical",
    matter: "the node has no pod CIDR",
    states: { ownNode: ["working.recalling", "working.learning"] },
  },
  {
    alert: "HeadcniNodeChanged",
    severity: "critical",
    matter: "the Node object is gone or has another pod CIDR than the running pods",
    states: {
      ownNode: ["working.holding.absent", "working.holding.conflicting", "working.moving", "working.moved"],
    },
  },
];
