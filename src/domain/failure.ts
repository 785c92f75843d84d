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

/** Converts whatever was thrown, once, at the edge between an actor and its machine. */
export function toFailure(error: unknown): Failure {
  if (error instanceof HeadcniError) return { code: error.detail.code, message: error.message };
  if (error instanceof Error) return { code: "UNEXPECTED", message: error.message };
  return { code: "UNEXPECTED", message: String(error) };
}
