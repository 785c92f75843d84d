import { HeadcniError } from "../../domain/failure.ts";
import type { CniExchangesFailure } from "../../ports/cni-exchanges.ts";

/** What the exchanges port throws. */
export class UnixSocketError extends HeadcniError<CniExchangesFailure> {}

/** The error code of Node ("ENOENT") of whatever was thrown; empty when there is none. */
export function errnoOf(error: unknown): string {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "";
}
