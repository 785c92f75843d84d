import { HeadcniError } from "../../domain/failure.ts";
import type { OwnerFailure } from "../../ports/owner.ts";

/** What the port of the owner's tailscaled throws. */
export class OwnerError extends HeadcniError<OwnerFailure> {}
