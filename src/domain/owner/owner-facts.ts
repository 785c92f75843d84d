import type { TailnetStatus } from "../tailnet/tailnet-status.ts";
import type { OwnerPreferences, OwnerRecord } from "./owner-preferences.ts";
import type { SeenTerms } from "./owner-terms.ts";

/** What one look at the owner's tailscaled tells: what he made of it, and what of that is ours. */
export interface OwnerFacts {
  /** "1.102.3-t0123456789", as tailscaled says. */
  readonly version: string;
  /** It has an interface: it does not run with `--tun=userspace-networking`. */
  readonly tun: boolean;
  readonly backendState: TailnetStatus["backendState"];
  /** Of the profile in use; empty before its first login. */
  readonly profileId: string;
  readonly controlUrl: string;
  readonly shieldsUp: boolean;
  readonly statefulFiltering: boolean;
  readonly preferences: OwnerPreferences;
  readonly record: OwnerRecord;
  /** Something loads our rules at boot, or need not. */
  readonly guardedAtBoot: boolean;
  /** Routes of this node that Headscale has approved and serves; null while it is away. */
  readonly served: readonly string[] | null;
  /** Null while its interface has no address. */
  readonly terms: SeenTerms | null;
}

/** Whether something loads the rules at boot; `noState`: HeadCNI never ran here. */
export type BootUnit = "installed" | "absent" | "noState";
