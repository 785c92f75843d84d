import type { CniErrorCode } from "./cni-error-codes.ts";
import type { CniFailure } from "./cni-protocol.ts";
import { visible } from "./visible-text.ts";

/** What a parser of outside data returns: the value, or the CNI error that names what is wrong. It never throws. */
export type Parsed<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly failure: CniFailure };

/** A parsed value. */
export function parsed<Value>(value: Value): Parsed<Value> {
  return { ok: true, value };
}

/** A refusal; `msg` says what is wrong, `details` what would be right. */
export function refused(code: CniErrorCode, msg: string, details: string): Parsed<never> {
  return { ok: false, failure: { code, msg, details } };
}

/** A foreign value as it may stand in an error message: JSON, cut to 80 characters. */
export function quoted(value: unknown): string {
  const text =
    typeof value === "object" && value !== null ? kindOf(value) : (JSON.stringify(value) ?? "nothing");
  return visible(text.length > 80 ? `${text.slice(0, 77)}...` : text);
}

function kindOf(value: object): string {
  return Array.isArray(value) ? "a list" : "an object";
}
