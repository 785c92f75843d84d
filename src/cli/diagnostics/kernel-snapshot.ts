import { openKernel } from "../../adapters/netlink/open-kernel.ts";
import type { KernelSnapshot } from "../../domain/kernel-state.ts";

/** Links, addresses, routes and rules of this node, or of the tailnet namespace mounted at `tailnetPath`. Changes nothing. */
export async function kernelSnapshot(tailnetPath: string | undefined): Promise<KernelSnapshot> {
  const kernel = await openKernel({ onFailure: () => undefined });
  try {
    if (tailnetPath === undefined) return await kernel.state.observe("node");
    await kernel.state.openNamespace("tailnet", tailnetPath);
    return await kernel.state.observe("tailnet");
  } finally {
    await kernel.close();
  }
}
