import { type Failure, toFailure } from "../../domain/failure.ts";

/**
 * The failure that led to a step: what its event brought, else what the machine keeps since this step (`keptBefore` is what its
 * context held until then; a time limit has no event that tells). Undefined when the step has nothing to do with one.
 */
export function failureBehind(event: object, context: unknown, keptBefore: unknown): Failure | undefined {
  if ("error" in event) return toFailure(event.error);
  if ("failure" in event && isFailure(event.failure)) return plain(event.failure);
  const kept = keptFailure(context);
  return kept !== keptBefore && isFailure(kept) ? plain(kept) : undefined;
}

/** What a machine's context holds as its failure; machines without one have none. */
export function keptFailure(context: unknown): unknown {
  return typeof context === "object" && context !== null && "failure" in context
    ? context.failure
    : undefined;
}

function isFailure(value: unknown): value is Failure {
  return typeof value === "object" && value !== null && "code" in value && "message" in value;
}

/** Nothing else that may stand beside code and message belongs into a log. */
const plain = ({ code, message }: Failure): Failure => ({ code, message });
