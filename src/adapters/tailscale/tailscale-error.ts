import { HeadcniError } from "../../domain/failure.ts";
import type { TailnetFailure } from "../../ports/tailnet.ts";

/** What the tailnet port throws. */
export class TailscaleError extends HeadcniError<TailnetFailure> {}

/** A warning: tailscaled gets along without names only where Headscale is given by its address. */
export function resolverMissing(): TailscaleError {
  return new TailscaleError(
    "/etc/resolv.conf of this host names no nameserver: tailscaled resolves no name",
    {
      code: "RESOLVER_MISSING",
    },
  );
}
