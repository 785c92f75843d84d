import { addressChecks } from "./address-checks.ts";
import { cniChecks } from "./cni-checks.ts";
import type { DoctorFacts, DoctorSettings } from "./facts.ts";
import { type CheckResult, checkGroups, type Finding } from "./finding.ts";
import { firewallChecks } from "./firewall-checks.ts";
import { announcementChecks, headscaleChecks } from "./headscale-checks.ts";
import { kernelChecks } from "./kernel-checks.ts";
import { kubernetesChecks } from "./kubernetes-checks.ts";
import { nodeChecks } from "./node-checks.ts";
import { policyChecks } from "./policy-checks.ts";
import { tailnetChecks } from "./tailnet-checks.ts";

/** Every check, by group. Pure: the same facts give the same findings. */
export function judge(facts: DoctorFacts, settings: DoctorSettings): readonly Finding[] {
  const findings = [
    ...kernelChecks(facts.node),
    ...nodeChecks(facts, settings),
    ...addressChecks(facts.node, settings),
    ...firewallChecks(facts),
    ...cniChecks(facts, settings),
    ...headscaleChecks(facts, settings),
    ...policyChecks(facts, settings),
    ...tailnetChecks(facts, settings),
    ...announcementChecks(facts, settings),
    ...kubernetesChecks(facts.kubernetes, settings),
  ];
  return checkGroups.flatMap((group) => findings.filter((finding) => finding.group === group));
}

/** How many findings came to each result. */
export function countResults(findings: readonly Finding[]): Readonly<Record<CheckResult, number>> {
  const count = (result: CheckResult) => findings.filter((finding) => finding.result === result).length;
  return { ok: count("ok"), warn: count("warn"), fail: count("fail"), skipped: count("skipped") };
}
