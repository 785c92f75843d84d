import type { CniOperation, CniRequest } from "../../src/protocol/cni-protocol.ts";

/** A valid call for container `containerId`; further fields replace these. */
export function cniRequest(
  command: CniOperation,
  containerId: string,
  more: Partial<CniRequest> = {},
): CniRequest {
  return {
    wire: 1,
    command,
    cniVersion: "1.1.0",
    network: "headcni",
    containerId,
    netns: `/var/run/netns/${containerId}`,
    ifname: "eth0",
    pod: { namespace: "default", name: `pod-${containerId}`, uid: `uid-${containerId}` },
    ...more,
  };
}

export const add = (id: string, more = {}) => cniRequest("ADD", id, more);
export const del = (id: string, more = {}) => cniRequest("DEL", id, more);
