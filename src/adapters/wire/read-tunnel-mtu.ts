import type { KernelState } from "../../ports/kernel-state.ts";
import { findWire } from "./find-wire.ts";
import { WireError } from "./wire-error.ts";
import { wireRecordPath } from "./wire-record.ts";

/**
 * MTU of tailscaled's interface in the tailnet namespace as it is, in bytes. Leaves the kernel's namespace "tailnet" open. Throws
 * WireError, TAILSCALED_AWAY without such an interface, and what the kernel refuses.
 */
export async function readTunnelMtu(
  kernel: Pick<KernelState, "openNamespace" | "observe">,
  { runtimeDir, tunnelName }: { readonly runtimeDir: string; readonly tunnelName: string },
): Promise<number> {
  const { launcher, netnsInode } = await findWire(wireRecordPath(runtimeDir));
  await kernel.openNamespace("tailnet", `/proc/${launcher.pid}/ns/net`, netnsInode);
  const { links } = await kernel.observe("tailnet");
  const tunnel = links.find(({ name }) => name === tunnelName);
  if (tunnel !== undefined) return tunnel.mtu;
  throw new WireError(`there is no ${tunnelName}: tailscaled does not run`, { code: "TAILSCALED_AWAY" });
}
