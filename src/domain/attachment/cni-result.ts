import type { CniFailure, CniResult, CniVersion } from "../../protocol/cni-protocol.ts";
import { hostPrefix } from "../addresses/prefix.ts";
import { podGateway } from "../kernel/kernel-constants.ts";
import type { AttachmentPlan, Mismatch } from "./attachment.ts";

/**
 * What ADD answers for an attachment (CNI specification 1.1.0, "Success result"). Addresses belong to the pod's side:
 * containerd takes those of the interface it asked for and fails on any other index.
 */
export function resultOfPlan(plan: AttachmentPlan, cniVersion: CniVersion): CniResult {
  const families = plan.addresses.map(familyOf);
  return {
    cniVersion,
    interfaces: [
      { name: plan.hostLink, mac: plan.hostMac, mtu: plan.mtu },
      { name: plan.ifname, mac: plan.podMac, mtu: plan.mtu, sandbox: plan.netns },
    ],
    ips: plan.addresses.map((address) => ({
      address: hostPrefix(address),
      gateway: podGateway[familyOf(address)],
      interface: 1,
    })),
    routes: families.map((family) => ({ dst: family === 4 ? "0.0.0.0/0" : "::/0", gw: podGateway[family] })),
    dns: {},
  };
}

/**
 * What of an earlier result is not so any more, for CHECK: the addresses that `prevResult` gives to this interface
 * against those of the plan. Addresses that other plugins of the chain gave to other interfaces are theirs.
 */
export function resultMismatches(previous: CniResult, plan: AttachmentPlan): readonly Mismatch[] {
  const told = previous.ips
    .filter((ip) => {
      const owner = previous.interfaces[ip.interface];
      return owner?.name === plan.ifname && owner.sandbox === plan.netns;
    })
    .map((ip) => ip.address)
    .sort();
  const ours = plan.addresses.map(hostPrefix).sort();
  if (told.join() === ours.join()) return [];
  return [{ what: "prevResult", expected: ours.join(", ") || "none", found: told.join(", ") || "none" }];
}

/** What CHECK answers when the kernel is not as ADD left it. */
export function mismatchFailure(key: string, mismatches: readonly Mismatch[]): CniFailure {
  return {
    code: 999,
    msg: `attachment ${key} is not as ADD made it: ${mismatches.map(({ what }) => what).join(", ")}`,
    details: mismatches
      .map(({ what, expected, found }) => `${what}: expected ${expected}, found ${found}`)
      .join("; "),
  };
}

function familyOf(address: string): 4 | 6 {
  return address.includes(":") ? 6 : 4;
}
