import { HeadcniError } from "../failure.ts";

/** Where something stands in a text; both count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** A text that is no policy. `fault` is a sentence without its subject: "finds ...". */
export class PolicyTextError extends HeadcniError<{
  readonly code: "NO_HUJSON" | "NO_POLICY";
  readonly at: Place;
  readonly fault: string;
}> {
  constructor(code: "NO_HUJSON" | "NO_POLICY", at: Place, fault: string) {
    super(`line ${at.line}, column ${at.column}: ${fault}`, { code, at, fault });
  }
}
