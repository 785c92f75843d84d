import type { AlertCase } from "./promtool.ts";

/**
 * A machine that goes round between two states of an alert's: at no scrape is it elsewhere, and no single state lasts. The
 * times come from the limits that the machines document, not from the rules.
 */
function round(
  alert: string,
  machine: string,
  states: readonly [string, string],
  limitSeconds: number,
): AlertCase {
  const [one, other] = states;
  const samples = Math.ceil(limitSeconds / 15);
  const turns = (first: number) =>
    `${first} `.concat(`${1 - first} ${first} `.repeat(samples / 2 + 4)).trim();
  const series: Record<string, string> =
    one === other
      ? { [`headcni_machines{machine="${machine}",state="${one}"}`]: `0 1x${samples + 7} 0x20` }
      : {
          [`headcni_machines{machine="${machine}",state="${one}"}`]: `0 ${turns(1)} 0x20`,
          [`headcni_machines{machine="${machine}",state="${other}"}`]: `0 ${turns(0)} 0x20`,
        };
  return {
    alert,
    series,
    quietAt: Math.max(0, limitSeconds - 15),
    ringsAt: limitSeconds + 45,
    labels: { machine },
    quietAgainAt: limitSeconds + 15 * 16,
  };
}

/** A machine that the daemon itself reports as stuck: the alert names the state. */
export function stuck(alert: string, machine: string, state: string): AlertCase {
  const labels = `{machine="${machine}",state="${state}"}`;
  return {
    alert,
    series: {
      [`headcni_machine_oldest_seconds${labels}`]: "0+15x20",
      [`headcni_machine_stuck${labels}`]: "0 0 0 0 1x8 0x10",
    },
    quietAt: 60,
    ringsAt: 120,
    labels: { machine, state },
    quietAgainAt: 240,
  };
}

export const stateCases: readonly AlertCase[] = [
  stuck("HeadcniNotServing", "headcni", "starting"),
  round("HeadcniNotServing", "pods", ["recovering", "recoveryFailed"], 30),
  round("HeadcniDegraded", "health", ["guard.repairing", "route.unproven"], 60),
  round("HeadcniUnproven", "readiness", ["notServing", "awaitingProof"], 60),
  round("HeadcniUnproven", "readiness", ["publishing", "backingOff"], 60),
  round("HeadcniCniSocketDown", "cni", ["open.binding", "backingOff"], 30),
  round("HeadcniTailnetDown", "tailscaled", ["attending.awaitingTailnet", "away.awaitingPoll"], 60),
  round("HeadcniTailnetDown", "owner", ["found.hindered.stopped", "found.hindered.stopped"], 60),
  round("HeadcniTailnetDown", "owner", ["found.attending.session.awaitingTailnet", "away.awaitingPoll"], 60),
  round("HeadcniTailnetDown", "tailnet", ["connecting.awaiting", "connecting.rejoining"], 60),
  round("HeadcniTailnetDown", "wire", ["serving.starting", "backingOff"], 30),
  round("HeadcniTailnetDown", "wireResolver", ["running.young", "backingOff"], 30),
  stuck("HeadcniAllowlistStale", "wire", "enclosing"),
  round("HeadcniAllowlistStale", "allowlistKeeper", ["keeping.young", "crashed"], 30),
  round("HeadcniAllowlistStale", "allowlist", ["list.unlisted", "list.reading"], 60),
  round("HeadcniAllowlistStale", "nodeList", ["writing", "backingOff"], 30),
  round("HeadcniAllowlistStale", "nodeIdentity", ["publishing", "backingOff"], 60),
  stuck("HeadcniNotLoggedIn", "tailnet", "needsLogin"),
  round("HeadcniNotLoggedIn", "tailnetLogin", ["loggingIn", "backingOff"], 300),
  round("HeadcniHeadscaleUnreachable", "headscale", ["probing", "backingOff"], 60),
  round("HeadcniHeadscaleUnreachable", "tailnet", ["degraded.awaitingReconnect", "degraded.rejoining"], 60),
  round("HeadcniHeadscaleUnreachable", "rejoin", ["awaitingTick", "probing"], 60),
  round("HeadcniHeadscaleRefused", "headscale", ["refused", "refused"], 30),
  round(
    "HeadcniRouteNotApproved",
    "ownRoute",
    ["awaitingApproval.pending", "awaitingApproval.refreshing"],
    60,
  ),
  round(
    "HeadcniRouteNotApproved",
    "ownRoute",
    ["awaitingApproval.asking", "awaitingApproval.backingOff"],
    60,
  ),
  round("HeadcniRouteNotServing", "ownRoute", ["awaitingService.pending", "awaitingService.backingOff"], 300),
  round("HeadcniRouteNotServing", "ownRoute", ["lost", "awaitingApproval.pending"], 300),
  round("HeadcniGuardFighting", "guard", ["fighting", "repairing"], 30),
  round("HeadcniGuardFighting", "guard", ["checking", "backingOff"], 30),
  stuck("HeadcniPodNotRemoved", "pod", "detaching"),
  round("HeadcniConfigUnread", "config", ["following.validating", "backingOff"], 30),
  round("HeadcniPoliciesNotEnforced", "policy", ["working.table.enforcing", "working.table.backingOff"], 60),
  stuck("HeadcniPolicyRefused", "policy", "working.objects.refused"),
  stuck("HeadcniApiServerUnreachable", "policy", "working.knowledge.stale"),
  round("HeadcniApiServerUnreachable", "watch", ["following.listing", "backingOff"], 30),
  stuck("HeadcniApiServerUnreachable", "ownNode", "working.holding.unconfirmed"),
  stuck("HeadcniApiServerUnreachable", "clusterNodes", "working.unknown"),
  round("HeadcniApiServerUnreachable", "nodeCondition", ["setting", "backingOff"], 300),
  stuck("HeadcniApiServerUnreachable", "podWatch", "working.pods.stale"),
  round("HeadcniApiServerUnreachable", "podReports", ["posting", "backingOff"], 60),
  round("HeadcniApiServerRefused", "watch", ["refused", "refused"], 30),
  round(
    "HeadcniNoPodCidr",
    "ownNode",
    ["working.learning.awaitingApiServer", "working.learning.awaitingPodCidr"],
    60,
  ),
  round("HeadcniNodeChanged", "ownNode", ["working.holding.absent", "working.holding.conflicting"], 60),
];
