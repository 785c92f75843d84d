import { describe, expect, it } from "vitest";
import { type Lease, leaseTimes, mayLead, observeLease } from "../../../src/domain/approval/leadership.ts";

const lease: Lease = { version: "1", holder: "other", transitions: 0, durationMs: 15_000 };

describe("the Lease", () => {
  it("is free when nobody holds it, or we do", () => {
    expect(mayLead({ lease: { ...lease, holder: "" }, sinceMs: 0 }, "self", 0)).toBe(true);
    expect(mayLead({ lease: { ...lease, holder: "self" }, sinceMs: 0 }, "self", 0)).toBe(true);
  });

  it("of another is free once it stood still for its time by our own clock", () => {
    const first = observeLease(null, lease, 100);
    const still = observeLease(first, lease, 9_000);
    expect(mayLead(still, "self", 100 + leaseTimes.durationMs - 1)).toBe(false);
    expect(mayLead(still, "self", 100 + leaseTimes.durationMs)).toBe(true);
    const renewed = observeLease(still, { ...lease, version: "2" }, 9_000);
    expect(mayLead(renewed, "self", 100 + leaseTimes.durationMs)).toBe(false);
  });

  it("keeps the time of a holder that wants a longer one, and never grants less than ours", () => {
    const at = (durationMs: number, now: number) =>
      mayLead({ lease: { ...lease, durationMs }, sinceMs: 0 }, "self", now);
    expect(at(60_000, 59_999)).toBe(false);
    expect(at(1, leaseTimes.durationMs - 1)).toBe(false);
  });

  it("is given up by its holder before another may take it", () => {
    expect(leaseTimes.deadlineMs).toBeLessThan(leaseTimes.durationMs);
  });
});
