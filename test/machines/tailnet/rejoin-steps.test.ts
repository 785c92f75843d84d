import { expect, test } from "vitest";
import { rejoinMachine } from "../../../machines/tailnet/rejoin-machine.ts";
import { backoffDelay } from "../../../src/domain/backoff.ts";
import { broken, brokenFailure, counted, drive } from "../../support/machines/drive.ts";

const readClock = { start: "readClock" };
const probe = { start: "probe", input: { limitMs: 500 } };
const recheck = { start: "recheck" };
const pause = (attempt: number) => backoffDelay(attempt, { firstMs: 5_000, maxMs: 60_000 }, "n1");

function started() {
  const rejoin = drive(rejoinMachine, { hostname: "n1" });
  return { ...rejoin, first: rejoin.start() };
}

test("a node looks for Headscale at the second, and comes back half a second past one", () => {
  const { first, done, fire, timers } = started();
  expect(first).toEqual([readClock]);
  expect(done("readClock", 12_250)).toEqual([]);
  expect(timers()).toEqual([750]);
  expect(fire(750)).toEqual([probe]);
  expect(done("probe", 13_100)).toEqual([]);
  expect(timers()).toEqual([400]);
  expect(fire(400)).toEqual([recheck]);
});

test("a look at the very second, or an answer at the very moment, waits for the next", () => {
  const { done, fire, timers } = started();
  done("readClock", 12_000);
  expect(timers()).toEqual([1_000]);
  fire(1_000);
  done("probe", 13_500);
  expect(timers()).toEqual([1_000]);
});

test("it looks again at the next second while Headscale does not answer", () => {
  const { done, fail, fire, context } = started();
  done("readClock", 12_250);
  fire(750);
  expect(fail("probe", broken)).toEqual([readClock, counted()]);
  expect(context().failure).toEqual(brokenFailure);
  done("readClock", 13_750);
  fire(250);
  done("probe", 14_100);
  expect(context().failure).toBeNull();
});

test("it waits longer each time that Headscale was asked in vain", () => {
  const { done, fail, fire, timers } = started();
  for (let attempt = 1; attempt < 7; attempt += 1) {
    done("readClock", 12_250);
    fire(750);
    done("probe", 13_100);
    fire(400);
    if (attempt % 2 === 0) expect(fail("recheck", broken)).toEqual([counted()]);
    else expect(done("recheck")).toEqual([]);
    expect(timers()).toEqual([pause(attempt)]);
    expect(fire(pause(attempt))).toEqual([readClock]);
  }
});

test("it waits as at first where there is no clock", () => {
  const { fail, timers } = started();
  expect(fail("readClock", broken)).toEqual([counted()]);
  expect(timers()).toEqual([pause(0)]);
});
