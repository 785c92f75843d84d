/**
 * How long a state may last: the one source for `after`, the stuck-state metric, the alert rules and the diagrams.
 * Every state that waits carries one in its `meta`.
 */
export type StateMeta = (
  | { readonly limit: { readonly ms: number; readonly means: string } }
  | { readonly limit: "none"; readonly because: string }
) & {
  /** Log level of entering this state; "debug" when absent. */
  readonly log?: StateLog;
};

type StateLog = "info" | "warn" | "error";

/** Past `ms` the machine counts as stuck in this state; `means` says what that tells an operator. */
export function stuckAfter(ms: number, means: string, log?: StateLog): StateMeta {
  return { limit: { ms, means }, ...(log && { log }) };
}

/** The state may last for ever. */
export function mayLast(because: string, log?: StateLog): StateMeta {
  return { limit: "none", because, ...(log && { log }) };
}
