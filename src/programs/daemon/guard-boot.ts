import { loadBootGuard } from "../../actors/guard-work.ts";
import type { Config } from "../../config/config-schema.ts";
import { guardSettings } from "../settings.ts";
import { openNodePorts } from "./node-ports.ts";

/**
 * Loads the guard before the node's own tailscaled starts: routes that it accepts outlive a boot, our rules do not. By what the state
 * directory remembers; a node that remembers nothing has set nothing in it. Gives the process's exit code.
 */
export async function guardBoot(config: Config): Promise<number> {
  if (config.tailscale.mode !== "host") {
    console.log("headcni: nothing to load: tailscale.mode is daemon");
    return 0;
  }
  const unheard = () => undefined;
  const ports = await openNodePorts(config, {
    ...{ failed: unheard, warned: unheard, rejected: unheard, unreadable: unheard },
  });
  try {
    const terms = await ports.owner.recallTerms();
    if (terms === null) {
      console.log("headcni: nothing to load: nothing is known of the node's tailscaled yet");
      return 0;
    }
    const { nodePodCIDR } = config.network;
    const shared = {
      ...guardSettings(config),
      ownPrefixes: nodePodCIDR.length > 0 ? nodePodCIDR : await ports.nodeMemory.recall(),
    };
    await loadBootGuard(ports, shared, terms, config.kubernetes.enabled);
    console.log(`headcni: the guard is loaded around ${terms.tunnel.name}`);
    return 0;
  } finally {
    await ports.close();
  }
}
