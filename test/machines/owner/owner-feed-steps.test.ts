import { describe, expect, it } from "vitest";
import { ownerFeedMachine } from "../../../machines/owner/owner-feed-machine.ts";
import { broken, brokenFailure, counted, drive, recipient } from "../../support/machines/drive.ts";
import { facts } from "../../support/owner-harness.ts";

const process = { pid: 42, startTime: "1000" };
const look = { start: "look" };
const told = { to: "parent", type: "owner.read", facts, settled: false };
const toldAgain = { ...told, settled: true };
const hint = { type: "owner.changed" } as const;

function started() {
  const feed = drive(ownerFeedMachine, { process, parent: recipient("parent") });
  return { ...feed, first: feed.start() };
}

/** Both looks were made. */
function watching() {
  const feed = started();
  feed.done("look", { facts, process });
  feed.fire(2_000);
  feed.done("look", { facts, process });
  return feed;
}

describe("the feed of an owner's tailscaled", () => {
  it("looks at once, and again once what follows has had its time, and then no more", () => {
    const { first, done, fire, timers, at } = started();
    expect(first).toEqual([{ start: "bus" }, look]);
    expect(done("look", { facts, process })).toEqual([told]);
    expect(timers()).toEqual([2_000]);
    expect(fire(2_000)).toEqual([look]);
    expect(done("look", { facts, process })).toEqual([toldAgain]);
    expect(at()).toEqual({ open: "watching" });
    expect(timers()).toEqual([]);
  });

  it("looks once for a burst of hints, 100 ms after the first", () => {
    const { send, fire, timers, done } = watching();
    expect(send(hint)).toEqual([]);
    expect(send(hint)).toEqual([]);
    expect(timers()).toEqual([100]);
    expect(fire(100)).toEqual([look]);
    expect(done("look", { facts, process })).toEqual([told]);
    expect(timers()).toEqual([2_000]);
  });

  it("takes a hint that comes in between, or during a look, for another change", () => {
    const { send, done, fire, at } = started();
    send(hint);
    done("look", { facts, process });
    expect(at()).toEqual({ open: "debouncing" });
    fire(100);
    done("look", { facts, process });
    send(hint);
    expect(at()).toEqual({ open: "debouncing" });
    fire(100);
    done("look", { facts, process });
    fire(2_000);
    send(hint);
    expect(done("look", { facts, process })).toEqual([toldAgain]);
    expect(at()).toEqual({ open: "debouncing" });
  });

  it("looks again half a second after an error, and at once where the second look failed", () => {
    const { fail, fire, done, timers, context, at } = started();
    expect(fail("look", broken)).toEqual([counted()]);
    expect(at()).toEqual({ open: { looking: "backingOff" } });
    expect(context().failure).toEqual(brokenFailure);
    expect(timers()).toEqual([10_000, 500]);
    expect(fire(500)).toEqual([look]);
    done("look", { facts, process });
    expect(context().failure).toBeNull();
    fire(2_000);
    expect(fail("look", broken)).toEqual([look, counted()]);
  });

  it("tells why it cannot look once that has lasted 10 s, and goes on looking", () => {
    const { fail, fire, done, at } = started();
    fail("look", broken);
    expect(fire(10_000)).toEqual([{ to: "parent", type: "owner.unread", reason: brokenFailure.message }]);
    expect(at()).toEqual({ open: { looking: "backingOff" } });
    expect(fire(500)).toEqual([look]);
    expect(done("look", { facts, process })).toEqual([told]);
    const silent = started();
    const reason = "it does not answer on its socket";
    expect(silent.fire(10_000)).toEqual([{ to: "parent", type: "owner.unread", reason }]);
  });

  it.each([undefined, { pid: 43, startTime: "1000" }, { pid: 42, startTime: "2000" }])(
    "is over, and tells nothing, when another process or none answered: %j",
    (other) => {
      const first = started();
      expect(first.done("look", { facts, process: other })).toEqual([]);
      expect(first.at()).toBe("gone");
      const second = started();
      second.done("look", { facts, process });
      second.fire(2_000);
      expect(second.done("look", { facts, process: other })).toEqual([]);
      expect(second.at()).toBe("gone");
    },
  );

  it("opens the bus again after 200 ms while the process lives", () => {
    const { send, done, fail, fire, timers, at } = watching();
    expect(send({ type: "owner.closed" })).toEqual([{ start: "find" }, { stop: "bus" }]);
    expect(done("find", process)).toEqual([]);
    expect(timers()).toEqual([200]);
    expect(fire(200)).toEqual([{ start: "bus" }, look]);
    expect(fail("bus", broken).filter((effect) => !("stop" in effect))).toEqual([{ start: "find" }]);
    expect(fail("find", broken)).toEqual([]);
    expect(at()).toBe("reopening");
    fire(200);
    send({ type: "owner.closed" });
    done("find", undefined);
    expect(at()).toBe("gone");
  });
});
