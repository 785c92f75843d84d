import { describe, expect, it } from "vitest";
import {
  type MetricsPageEvent,
  metricsPageMachine,
} from "../../../machines/metrics-page/metrics-page-machine.ts";
import { broken, brokenFailure, counted, drive } from "../../support/machines/drive.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";

const input = { addresses: ["10.244.1.1", "fd00:10:244:1::1"] };
const open = { start: "page", input };
const opened: MetricsPageEvent = { type: "page.open" };
const failed: MetricsPageEvent = { type: "page.failed", failure: brokenFailure };

function started() {
  const page = drive(metricsPageMachine, input);
  return { ...page, first: page.start() };
}

describe("the page that pods read metrics from", () => {
  it("is open at all addresses, for as long as the daemon lives", () => {
    const { first, send, at, timers } = started();
    expect(first).toEqual([open]);
    expect(send(opened)).toEqual([]);
    expect(at()).toEqual({ open: "serving" });
    expect(timers()).toEqual([]);
  });

  it("is opened again ten seconds after it could not be, and then nothing of that is left", () => {
    const { send, fire, timers, at, context } = started();
    expect(send(failed)).toEqual([{ stop: "page" }, counted()]);
    expect(at()).toBe("backingOff");
    expect(context().failure).toEqual(brokenFailure);
    expect(timers()).toEqual([10_000]);
    expect(fire(10_000)).toEqual([open]);
    send(opened);
    expect(context().failure).toBeNull();
  });

  it("is given up after 5 s, or when what opens it breaks", () => {
    const slow = started();
    expect(slow.timers()).toEqual([5_000]);
    const failure = { code: "TIMEOUT", message: "listening took more than 5 s" };
    expect(slow.fire(5_000)).toEqual([{ stop: "page" }, counted(failure)]);
    const broke = started();
    expect(broke.fail("page", broken)).toEqual([counted()]);
    expect(broke.at()).toBe("backingOff");
  });

  it("takes every transition of its machine", async () => {
    await walkAllTransitions(metricsPageMachine, {
      input,
      events: [opened, failed],
      outcomes: { page: { done: [] } },
      stateKey: ({ context }) => [context.failure === null],
    });
  });
});
