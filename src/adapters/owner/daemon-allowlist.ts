import type { HostCarrier } from "../../domain/guard/guard-settings.ts";
import { hostAllowlist } from "../../domain/host-guard/host-allowlist.ts";
import { type Believed, nobodyBelieved } from "../../domain/tailnet/believed-prefixes.ts";
import type { AllowlistHost } from "../../ports/allowlist.ts";
import { type AllowlistPlaces, createAllowlistHost } from "../wire/allowlist-host.ts";
import { oneByOne } from "./one-by-one.ts";
import { readBelieved } from "./read-believed.ts";

/** The allowlist that the daemon keeps beside the node's own tailscaled. */
export interface DaemonAllowlist extends AllowlistHost {
  /** What an earlier daemon left in force, which holds until the first `apply`: nobody where that cannot be told. */
  recall(): Promise<Believed>;
  /** Loads what is believed now by the carrier as it is now. Nothing where it keeps none. */
  reload(signal: AbortSignal): Promise<void>;
  close(): void;
}

export function createDaemonAllowlist(
  places: AllowlistPlaces,
  { supernets, kept }: { readonly supernets: readonly string[]; readonly kept: boolean },
  carrier: () => Promise<HostCarrier>,
): DaemonAllowlist {
  let last: Believed = nobodyBelieved;
  // A load by what the carrier was must not end after one by what it is.
  const alone = oneByOne();
  const host = createAllowlistHost(places, async (believed) =>
    hostAllowlist({ supernets, carrier: await carrier() }, believed),
  );
  const load = (signal: AbortSignal) => alone(() => host.apply(last, signal));
  return {
    ...host,
    apply: (believed, signal) => {
      last = believed;
      return load(signal);
    },
    recall: async () => {
      if (kept) last = await readBelieved().catch(() => nobodyBelieved);
      return last;
    },
    reload: async (signal) => {
      if (kept) await load(signal);
    },
  };
}
