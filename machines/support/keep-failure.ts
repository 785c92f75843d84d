import { type Failure, toFailure } from "../../src/domain/failure.ts";

/** What metrics count by its code. */
export interface FailureNews {
  readonly type: "failure.occurred";
  readonly failure: Failure;
}

/** Of `enqueueActions`, in a machine whose context has a `failure` and whose set-up lets it emit news. */
interface Keeper {
  assign(kept: { readonly failure: Failure }): void;
  emit(news: FailureNews): void;
}

/** What a machine's action `keepFailure` does: its context holds the failure until it is over, and metrics count it. */
export function keep({ assign, emit }: Keeper, failure: Failure): void {
  assign({ failure });
  emit({ type: "failure.occurred", failure });
}

/** What an `onError` does with what its actor failed with. */
export const keepError = {
  type: "keepFailure",
  params: ({ event }: { readonly event: { readonly error: unknown } }) => toFailure(event.error),
} as const;
