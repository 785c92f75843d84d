import { HeadcniError } from "../../domain/failure.ts";
import type { TailnetFailure } from "../../ports/tailnet.ts";

export type { TailnetError } from "../../ports/tailnet.ts";

/** What the tailnet port throws. */
export class TailscaleError extends HeadcniError<TailnetFailure> {}
