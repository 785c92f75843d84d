import { describe, expect, it } from "vitest";
import { nodeListMachine } from "../../../machines/cluster-nodes/node-list-machine.ts";
import { backoffDelay } from "../../../src/domain/backoff.ts";
import type { NodeBinding } from "../../../src/domain/kubernetes/node-bindings.ts";
import { broken, brokenFailure, counted, drive, recipient } from "../../support/machines/drive.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";

const bind = (index: number): NodeBinding => ({
  ...{ prefix: `10.244.${index}.0/24`, nodeId: `${index}`, node: `n${index}`, uid: `u${index}` },
});
const [one, two] = [[bind(1)], [bind(1), bind(2)]];
const wanted = (bindings: readonly NodeBinding[]) => ({ type: "list.wanted", bindings }) as const;
const recalled = (bindings: readonly NodeBinding[]) => ({ to: "parent", type: "list.recalled", bindings });
const write = (bindings: readonly NodeBinding[]) => ({ start: "write", input: { bindings } });
const retry = (attempt: number) => backoffDelay(attempt, { firstMs: 500, maxMs: 30_000 }, "n1");

function started() {
  const list = drive(nodeListMachine, { seed: "n1", parent: recipient("parent") });
  return { ...list, first: list.start() };
}

function resting(recall: readonly NodeBinding[] | null = null) {
  const list = started();
  list.done("recall", recall);
  return list;
}

describe("the list of Nodes", () => {
  it("is told as an earlier life left it, and nothing where there is none or it is no list", () => {
    const { first, done, at } = started();
    expect(first).toEqual([{ start: "recall" }]);
    expect(done("recall", one)).toEqual([recalled(one)]);
    expect(at()).toBe("resting");
    expect(started().done("recall", null)).toEqual([]);
    const unreadable = started();
    expect(unreadable.fail("recall", broken)).toEqual([counted()]);
    expect(unreadable.at()).toBe("resting");
    const slow = started();
    expect(slow.timers()).toEqual([2_000]);
    expect(slow.fire(2_000)).toEqual([{ stop: "recall" }]);
  });

  it("is written when the cluster says something else, and only then", () => {
    const { send, done } = resting(one);
    expect(send(wanted(one))).toEqual([]);
    expect(send(wanted(two))).toEqual([write(two)]);
    expect(done("write", two)).toEqual([]);
    expect(send(wanted(two))).toEqual([]);
    expect(send(wanted([]))).toEqual([write([])]);
  });

  it("is written also where there was none, and none is to be", () => {
    expect(resting(null).send(wanted([]))).toEqual([write([])]);
  });

  it("is written again every minute, in case that somebody removed it, once the cluster is known", () => {
    const { fire, timers } = resting(one);
    expect(timers()).toEqual([60_000]);
    expect(fire(60_000)).toEqual([]);
    expect(timers()).toEqual([60_000]);
    const known = resting(one);
    known.send(wanted(one));
    expect(known.fire(60_000)).toEqual([write(one)]);
    expect(known.done("write", one)).toEqual([]);
    expect(known.timers()).toEqual([60_000]);
  });

  it("waits for what was there before, then is written", () => {
    const { send, done } = started();
    expect(send(wanted(two))).toEqual([]);
    expect(done("recall", one)).toEqual([write(two), recalled(one)]);
  });

  it("that changed while it was written is written again", () => {
    const { send, done } = resting();
    send(wanted(one));
    expect(send(wanted(two))).toEqual([]);
    expect(done("write", one)).toEqual([write(two)]);
  });

  it("is tried ever more slowly while the disk takes nothing", () => {
    const { send, fail, fire, done, timers, at, context } = resting();
    send(wanted(one));
    for (let attempt = 0; attempt < 8; attempt += 1) {
      expect(fail("write", broken)).toEqual([counted()]);
      expect(at()).toBe("backingOff");
      expect(timers()).toEqual([retry(attempt)]);
      expect(fire(retry(attempt))).toEqual([write(one)]);
    }
    expect(context().failure).toEqual(brokenFailure);
    done("write", one);
    expect(context()).toMatchObject({ failure: null, attempt: 0, written: one });
  });

  it("is not tried again once the cluster says what is written already", () => {
    const { send, fail, fire, at } = resting(one);
    send(wanted(two));
    fail("write", broken);
    send(wanted(one));
    expect(fire(retry(0))).toEqual([]);
    expect(at()).toBe("resting");
  });

  it("takes every transition of its machine", async () => {
    await walkAllTransitions(nodeListMachine, {
      input: { seed: "n1", parent: recipient("parent") },
      events: [wanted(one), wanted(two)],
      outcomes: { recall: { done: [null, one] }, write: { done: [one, two] } },
      stateKey: ({ context }) => [
        context.wanted?.length,
        context.written?.length,
        Math.min(context.attempt, 1),
      ],
      keepsFailures: "a list that could not be read is no failure any more once another is written",
    });
  });
});
