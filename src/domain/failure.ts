import { visible } from "../protocol/visible-text.ts";

/** Base of every error this project throws on purpose: callers branch on `detail.code`, never on the message. */
export class HeadcniError<Detail extends { readonly code: string }> extends Error {
  readonly detail: Detail;

  constructor(message: string, detail: Detail, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.detail = detail;
  }
}

/** An error as plain data: it travels in events and machine context. */
export interface Failure {
  readonly code: string;
  readonly message: string;
}

/**
 * Converts whatever was thrown, once, at the edge between an actor and its machine. The message may quote a program or a peer, and goes
 * to Events, conditions and CNI errors: no control character of theirs does.
 */
export function toFailure(error: unknown): Failure {
  const code = error instanceof HeadcniError ? String(error.detail.code) : "UNEXPECTED";
  return { code, message: visible(error instanceof Error ? error.message : String(error)) };
}
