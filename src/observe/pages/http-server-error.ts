import { HeadcniError } from "../../domain/failure.ts";

/** The server could not open one of its addresses. */
export class HttpServerError extends HeadcniError<{
  readonly code: "ADDRESS_TAKEN" | "ADDRESS_UNUSABLE";
  readonly address: string;
  /** errno name, "EADDRNOTAVAIL". */
  readonly reason: string;
}> {}
