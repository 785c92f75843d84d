/** A Lease (coordination.k8s.io/v1), as far as an election needs it. */
export interface Lease {
  /** metadata.resourceVersion: a write with an older one is refused. */
  readonly version: string;
  /** spec.holderIdentity; empty when it was given back. */
  readonly holder: string;
  /** spec.leaseTransitions. */
  readonly transitions: number;
  /** spec.leaseDurationSeconds in ms; 0 where it is absent. */
  readonly durationMs: number;
}

/** The Lease as this process last saw it change, and when by its own monotonic clock: clocks of others never count. */
export interface ObservedLease {
  readonly lease: Lease;
  readonly sinceMs: number;
}

/** Times of client-go's leader election (LeaseDuration, RenewDeadline, RetryPeriod). */
export const leaseTimes = { durationMs: 15_000, deadlineMs: 10_000, retryMs: 2_000 };

/** Takes note of a Lease that was read at `atMs`; the same note while it stands still. */
export function observeLease(before: ObservedLease | null, lease: Lease, atMs: number): ObservedLease {
  return before?.lease.version === lease.version ? before : { lease, sinceMs: atMs };
}

/** Whether this process may write itself into the Lease: nobody holds it, it does already, or its holder has been silent for its time. */
export function mayLead({ lease, sinceMs }: ObservedLease, self: string, nowMs: number): boolean {
  if (lease.holder === "" || lease.holder === self) return true;
  return nowMs - sinceMs >= Math.max(lease.durationMs, leaseTimes.durationMs);
}
