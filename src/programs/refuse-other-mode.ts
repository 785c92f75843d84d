import type { Config } from "../config/config-schema.ts";
import { HeadcniError } from "../domain/failure.ts";
import type { Owner } from "../ports/owner.ts";

class OtherModeError extends HeadcniError<{ readonly code: "OTHER_MODE_LEFT" }> {}

/**
 * Before anything is changed: what one mode left on the node, only that mode removes. Throws OtherModeError with the way out.
 * `wireRuns`: headcni-wire holds a tailnet namespace.
 */
export async function refuseOtherMode(
  { tailscale }: Pick<Config, "tailscale">,
  owner: Pick<Owner, "holdsOurs">,
  wireRuns: boolean,
): Promise<void> {
  if (tailscale.mode === "daemon" && (await owner.holdsOurs()))
    throw left("host", "the node's own tailscaled still has routes and settings of ours");
  if (tailscale.mode === "host" && wireRuns) throw left("daemon", "headcni-wire runs a tailscaled of ours");
}

function left(mode: Config["tailscale"]["mode"], what: string): OtherModeError {
  const todo = `set tailscale.mode: ${mode} again, run headcni --cleanup, then change the mode`;
  return new OtherModeError(`${what}. Nothing was changed. ${todo}`, { code: "OTHER_MODE_LEFT" });
}
