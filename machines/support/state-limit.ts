/**
 * How long a state may last: the one source for `after`, the stuck-state metric, the alert rules and the diagrams.
 * Every state that waits carries one in its `meta`.
 */
export type StateMeta =
  | {
      /** Past `ms` the machine counts as stuck in this state; `means` says what that tells an operator. */
      readonly limit: { readonly ms: number; readonly means: string };
      /** Log level of entering this state; "debug" when absent. */
      readonly log?: "info" | "warn" | "error";
    }
  | {
      /** The state may last for ever. */
      readonly limit: "none";
      readonly because: string;
      readonly log?: "info" | "warn" | "error";
    };
