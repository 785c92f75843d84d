import type { AttachmentPlan } from "../../../../src/domain/attachment/attachment.ts";
import { planAttachment } from "../../../../src/domain/attachment/pod-network-plan.ts";
import { namespacePath } from "./test-namespaces.ts";

export const routerAddresses = ["10.77.0.1", "fd00:77::1"] as const;

/** A dual-stack plan for the pod in the namespace `netns`; `number` makes its addresses. */
export function samplePlan(
  netns: string,
  number: number,
  changes: { readonly ifname?: string; readonly order?: number; readonly containerId?: string } = {},
): AttachmentPlan {
  const ifname = changes.ifname ?? "eth0";
  const containerId = changes.containerId ?? `container-${number}`;
  return planAttachment(
    {
      wire: 1,
      command: "ADD",
      cniVersion: "1.1.0",
      containerId,
      ifname,
      netns: namespacePath(netns),
      network: "headcni",
      pod: { uid: `uid-${number}`, name: "pod", namespace: "default" },
    },
    { routerAddresses, mtu: 1280 },
    {
      addresses: [`10.77.${1 + (number >> 8)}.${number & 255}`, `fd00:77::1:${number.toString(16)}`],
      order: changes.order ?? 0,
    },
  );
}
