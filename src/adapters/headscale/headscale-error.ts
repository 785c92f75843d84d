import { HeadcniError } from "../../domain/failure.ts";
import type { HeadscaleFailure } from "../../ports/headscale.ts";

/** What the Headscale port throws. */
export class HeadscaleRequestError extends HeadcniError<HeadscaleFailure> {}
