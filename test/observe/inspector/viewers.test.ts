import { EventEmitter } from "node:events";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Feed } from "../../../src/observe/inspector/feed.ts";
import { createViewers, type ViewerConnection } from "../../../src/observe/inspector/viewers.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A connection whose reader decides how much it reads. */
class Connection extends EventEmitter implements Pick<ViewerConnection, "write" | "writableLength"> {
  readonly lines: string[] = [];
  writableLength = 0;
  reads = true;
  gone = false;
  write(line: string): boolean {
    this.lines.push(line.trim().slice("data: ".length));
    if (!this.reads) this.writableLength += line.length;
    return this.reads;
  }
  destroy(): this {
    this.gone = true;
    this.emit("close");
    return this;
  }
  drain(): void {
    this.writableLength = 0;
    this.reads = true;
    this.emit("drain");
  }
}

function viewed() {
  let seq = 0;
  let wake: (() => void) | undefined;
  const feed: Pick<Feed, "watch" | "take" | "baseline" | "seq"> = {
    watch: (next) => {
      wake = next;
    },
    take: () => `delta ${seq} ${"x".repeat(300)}`,
    baseline: (missed) => `baseline ${seq} missed ${missed}`,
    seq: () => seq,
  };
  const limits = { viewers: 2, unsentBytes: 1000, frameMs: 40, beatMs: 5000, patienceMs: 60_000 };
  const viewers = createViewers(feed as Feed, limits);
  return {
    viewers,
    watched: () => wake !== undefined,
    happen: () => {
      seq += 1;
      wake?.();
      vi.advanceTimersByTime(limits.frameMs);
    },
    join: () => {
      const connection = new Connection();
      return { connection, accepted: viewers.add(connection as unknown as ViewerConnection) };
    },
  };
}

test("a viewer gets the baseline, then a frame per change", () => {
  const { join, happen } = viewed();
  happen();
  const { connection } = join();
  happen();
  expect(connection.lines.map((line) => line.slice(0, 10))).toEqual(["baseline 1", "delta 2 xx"]);
});

test("a viewer that does not read gets a bounded amount, then a fresh baseline with what it missed; others get all", () => {
  const { join, happen } = viewed();
  const { connection: slow } = join();
  const { connection: quick } = join();
  slow.reads = false;
  for (let turn = 0; turn < 100; turn += 1) happen();
  expect(slow.writableLength).toBeLessThan(2000);
  expect(quick.lines).toHaveLength(101);
  const got = slow.lines.length - 1;
  slow.drain();
  expect(slow.lines.at(-1)).toBe(`baseline 100 missed ${100 - got}`);
  happen();
  expect(slow.lines.at(-1)).toContain("delta 101");
});

test("a viewer that reads nothing for a minute is let go of", () => {
  const { join, happen, viewers } = viewed();
  const { connection } = join();
  connection.reads = false;
  for (let turn = 0; turn < 10; turn += 1) happen();
  vi.advanceTimersByTime(70_000);
  expect(connection.gone).toBe(true);
  expect(viewers.count()).toBe(0);
});

test("there is a most of viewers; a place is free again when one leaves, and nothing is gathered after the last", () => {
  const { join, watched } = viewed();
  const [first, second] = [join(), join()];
  expect(join().accepted).toBe(false);
  first.connection.destroy();
  expect(join().accepted).toBe(true);
  second.connection.destroy();
  expect(watched()).toBe(true);
});

test("nothing is gathered for nobody", () => {
  const { join, watched } = viewed();
  expect(watched()).toBe(false);
  const { connection } = join();
  expect(watched()).toBe(true);
  connection.destroy();
  expect(watched()).toBe(false);
});
