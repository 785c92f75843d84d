import { describe, expect, it } from "vitest";
import { tailnetFeedMachine } from "../../../machines/tailnet/tailnet-feed-machine.ts";
import { pulseOf } from "../../../src/domain/tailnet/tailnet-status.ts";
import { broken, brokenFailure, counted, drive, recipient } from "../../support/machines/drive.ts";
import { online } from "../../support/tailnet-harness.ts";

const process = { pid: 42, startTime: "1000" };
const wanted = { controlUrl: "http://10.99.0.1:8080", hostname: "n1", advertiseRoutes: ["10.244.1.0/24"] };
const reconcile = { start: "read", input: { wanted } };
const look = { start: "read", input: {} };
const told = { to: "parent", type: "tailnet.read", status: online };
const hint = (prefs = false, ...renewed: string[]) => ({ type: "bus.changed", prefs, renewed }) as const;

function started() {
  const feed = drive(tailnetFeedMachine, { process, wanted, parent: recipient("parent") });
  return { ...feed, first: feed.start() };
}

/** The status was read once. */
function resting() {
  const feed = started();
  feed.done("read", { status: online, process });
  return feed;
}

describe("the feed of one tailscaled", () => {
  it("puts preferences right with its first look, and tells what it read", () => {
    const { first, done, at } = started();
    expect(first).toEqual([{ start: "bus" }, reconcile]);
    expect(done("read", { status: online, process })).toEqual([told]);
    expect(at()).toEqual({ open: "resting" });
  });

  it("looks once for a burst of hints, 100 ms after the first", () => {
    const { send, fire, timers, done } = resting();
    expect(send(hint())).toEqual([]);
    expect(timers()).toEqual([100]);
    expect(send(hint())).toEqual([]);
    expect(timers()).toEqual([100]);
    expect(fire(100)).toEqual([look]);
    expect(done("read", { status: online, process })).toEqual([told]);
    expect(timers()).toEqual([2_000]);
  });

  it("looks again for a hint that came during a look", () => {
    const { send, fire, done, at } = started();
    send(hint(true));
    done("read", { status: online, process });
    expect(at()).toEqual({ open: "debouncing" });
    expect(fire(100)).toEqual([reconcile]);
  });

  it("puts preferences right after a hint of them, also with the look after one that failed, and then no more", () => {
    const { send, fire, fail, done, timers, at, context } = resting();
    send(hint(true));
    send(hint(false));
    expect(fire(100)).toEqual([reconcile]);
    expect(fail("read", broken)).toEqual([counted()]);
    expect(at()).toEqual({ open: { looking: "backingOff" } });
    expect(context().failure).toEqual(brokenFailure);
    expect(timers()).toEqual([500]);
    expect(fire(500)).toEqual([reconcile]);
    done("read", { status: online, process });
    expect(context().failure).toBeNull();
    send(hint());
    expect(fire(100)).toEqual([look]);
  });

  it("passes on at once which peers restarted", () => {
    const { send } = resting();
    expect(send(hint(false, "8"))).toEqual([{ to: "parent", type: "peers.renewed", nodeIds: ["8"] }]);
  });

  it("feels the pulse every 2 s, and looks where it differs or cannot be felt", () => {
    const { fire, done, fail, send, at } = resting();
    const pulse = { start: "pulse" };
    expect(fire(2_000)).toEqual([pulse]);
    expect(done("pulse", pulseOf(online))).toEqual([]);
    expect(at()).toEqual({ open: "watching" });
    expect(fire(2_000)).toEqual([pulse]);
    expect(done("pulse", "other")).toEqual([look]);
    done("read", { status: online, process });
    fire(2_000);
    expect(fail("pulse", broken)).toEqual([look]);
    done("read", { status: online, process });
    fire(2_000);
    expect(send(hint())).toEqual([{ stop: "pulse" }]);
    expect(at()).toEqual({ open: "debouncing" });
  });

  it.each([undefined, { pid: 43, startTime: "1000" }, { pid: 42, startTime: "2000" }])(
    "is over, and tells nothing, when another process or none answered: %j",
    (other) => {
      const { done, at } = started();
      expect(done("read", { status: online, process: other })).toEqual([]);
      expect(at()).toBe("gone");
    },
  );

  it("opens the bus again after 200 ms while the process lives", () => {
    const { send, done, fail, fire, timers, at } = resting();
    expect(send({ type: "bus.closed" })).toEqual([{ start: "find" }, { stop: "bus" }]);
    expect(done("find", process)).toEqual([]);
    expect(timers()).toEqual([200]);
    expect(fire(200)).toEqual([{ start: "bus" }, look]);
    expect(fail("bus", broken).filter((effect) => !("stop" in effect))).toEqual([{ start: "find" }]);
    expect(fail("find", broken)).toEqual([]);
    expect(at()).toBe("reopening");
    fire(200);
    send({ type: "bus.closed" });
    done("find", undefined);
    expect(at()).toBe("gone");
  });
});
