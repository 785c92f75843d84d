import { addressChecks } from "./address-checks.ts";
import { announcementChecks } from "./announcement-checks.ts";
import { cniChecks } from "./cni-checks.ts";
import type { DoctorFacts, DoctorSettings } from "./facts.ts";
import { type CheckResult, type Checks, checkGroups, type Finding, findingOf } from "./finding.ts";
import { firewallChecks } from "./firewall-checks.ts";
import { headscaleChecks } from "./headscale-checks.ts";
import { kernelChecks } from "./kernel-checks.ts";
import { kubernetesChecks } from "./kubernetes-checks.ts";
import { nodeChecks } from "./node-checks.ts";
import { ownerChecks } from "./owner-checks.ts";
import { policyChecks } from "./policy-checks.ts";
import { tailnetChecks } from "./tailnet-checks.ts";

const allChecks: Checks = {
  ...kernelChecks,
  ...nodeChecks,
  ...addressChecks,
  ...firewallChecks,
  ...cniChecks,
  ...headscaleChecks,
  ...policyChecks,
  ...ownerChecks,
  ...tailnetChecks,
  ...announcementChecks,
  ...kubernetesChecks,
};

/** Every check, by group. Pure: the same facts give the same findings. */
export function judge(facts: DoctorFacts, configured: DoctorSettings): readonly Finding[] {
  const settings = { ...configured, ownPrefixes: ownPrefixes(facts, configured) };
  const findings = Object.entries(allChecks).flatMap(([id, check]) => {
    const outcome = check(facts, settings);
    return outcome === undefined ? [] : [findingOf(id, outcome)];
  });
  return checkGroups.flatMap((group) => findings.filter((finding) => finding.group === group));
}

/** What the configuration pins, else what the Node has. */
function ownPrefixes(
  { kubernetes }: DoctorFacts,
  { ownPrefixes: pinned }: DoctorSettings,
): readonly string[] {
  if (pinned.length > 0 || kubernetes === undefined || "unknown" in kubernetes.ownPodCidrs) return pinned;
  return kubernetes.ownPodCidrs.value ?? [];
}

/** How many findings came to each result. */
export function countResults(findings: readonly Finding[]): Readonly<Record<CheckResult, number>> {
  const count = (result: CheckResult) => findings.filter((finding) => finding.result === result).length;
  return { ok: count("ok"), warn: count("warn"), fail: count("fail"), skipped: count("skipped") };
}
