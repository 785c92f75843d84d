import type { Failure } from "../../src/domain/failure.ts";

/** The failure of an effect that did not end within its limit. */
export function timeout(doing: string, limitMs: number): Failure {
  return { code: "TIMEOUT", message: `${doing} took more than ${limitMs / 1000} s` };
}
