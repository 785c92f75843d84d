import { describe, expect, it } from "vitest";
import { createActor, fromCallback } from "xstate";
import type { WatchEvent, WatchReport } from "../../machines/watch/watch-events.ts";
import { watchMachine } from "../../machines/watch/watch-machine.ts";
import type { WatchSource } from "../../src/domain/kubernetes-watch.ts";
import { manualClock } from "../support/manual-clock.ts";
import { recorder } from "../support/recorder.ts";
import { walkAllTransitions } from "../support/walk-all-transitions.ts";

const node = { name: "n1", podCidrs: ["10.244.1.0/24"], addresses: [] };
const listed: WatchEvent = { type: "watch.listed", source: "nodes", items: [node], cursor: "10" };
const changed: WatchEvent = {
  type: "watch.changed",
  source: "nodes",
  changes: [{ kind: "removed", item: node }],
  cursor: "12",
};
const bookmark: WatchEvent = { type: "watch.changed", source: "nodes", changes: [], cursor: "14" };
const opened: WatchEvent = { type: "watch.opened", source: "nodes" };
const failed = (code: string): WatchEvent => ({ type: "watch.failed", failure: { code, message: code } });

/** A watch machine whose streams the test speaks for; `cursors`: where each of them was to begin. */
function start() {
  const cursors: string[] = [];
  const clock = manualClock();
  const parent = recorder<WatchReport>();
  const actor = createActor(
    watchMachine.provide({
      actors: {
        follow: fromCallback<WatchEvent, { readonly source: WatchSource; readonly cursor: string }>(
          ({ input }) => {
            cursors.push(input.cursor);
          },
        ),
      },
    }),
    { input: { source: "nodes", seed: "n1", parent: parent.ref }, clock },
  ).start();
  const fireBackoff = () => clock.fire(clock.running()[0] ?? 0);
  return { actor, cursors, clock, parent, fireBackoff, send: (event: WatchEvent) => actor.send(event) };
}

describe("the watch machine", () => {
  it("takes every transition", async () => {
    await walkAllTransitions(watchMachine, {
      input: { source: "nodes", seed: "n1", parent: recorder<WatchReport>().ref },
      events: [
        listed,
        changed,
        opened,
        { type: "watch.ended" },
        failed("UNREACHABLE"),
        failed("EXPIRED"),
        failed("FORBIDDEN"),
      ],
      stateKey: ({ context }) => [context.cursor, context.lost],
    });
  });

  it("goes on from where the last stream was, bookmarks included, after an orderly end", () => {
    const { cursors, parent, fireBackoff, send } = start();
    send(listed);
    send(changed);
    send(bookmark);
    send({ type: "watch.ended" });
    fireBackoff();
    expect(cursors).toEqual(["", "14"]);
    expect(parent.types()).toEqual(["watch.listed", "watch.changed"]);
  });

  it("asks soon again when it is refused, and ever more rarely while it is", () => {
    const { clock, fireBackoff, send } = start();
    const waits = Array.from({ length: 8 }, () => {
      send(failed("FORBIDDEN"));
      const [ms = 0] = clock.running();
      fireBackoff();
      return ms;
    });
    expect(waits[0]).toBeLessThanOrEqual(1_000);
    expect(waits[7]).toBeGreaterThanOrEqual(15_000);
    expect(waits[7]).toBeLessThanOrEqual(30_000);
  });

  it("lists anew only when the server forgot what lies before the cursor", () => {
    const { cursors, fireBackoff, send } = start();
    send(listed);
    send(failed("UNREACHABLE"));
    fireBackoff();
    send(failed("EXPIRED"));
    fireBackoff();
    expect(cursors).toEqual(["", "10", ""]);
  });

  it("remembers why the watch was lost until it is back", () => {
    const { actor, fireBackoff, send } = start();
    send(failed("UNREACHABLE"));
    expect(actor.getSnapshot().context.failure).toMatchObject({ code: "UNREACHABLE" });
    fireBackoff();
    send(listed);
    expect(actor.getSnapshot().context.failure).toBeNull();
  });

  it("tells its parent once that the watch is lost and once that it is back", () => {
    const { parent, fireBackoff, send } = start();
    send(listed);
    send(failed("UNREACHABLE"));
    fireBackoff();
    send(opened);
    send({ type: "watch.ended" });
    fireBackoff();
    send(opened);
    expect(parent.types()).toEqual(["watch.listed", "watch.lost", "watch.restored"]);
  });

  it("waits longer from failure to failure, and anew from the first after it heard something", () => {
    const { clock, fireBackoff, send } = start();
    const waits: number[] = [];
    for (let attempt = 0; attempt < 4; attempt += 1) {
      send(failed("UNREACHABLE"));
      waits.push(clock.running()[0] ?? 0);
      fireBackoff();
    }
    expect(waits).toEqual(waits.toSorted((a, b) => a - b));
    expect(waits[3]).toBeGreaterThanOrEqual(1_000);
    send(listed);
    send({ type: "watch.ended" });
    expect(clock.running()[0]).toBeLessThanOrEqual(250);
  });

  it("does not come back before the time that the server named", () => {
    const { clock, send } = start();
    send({
      type: "watch.failed",
      failure: { code: "UNAVAILABLE", message: "429" },
      retryAfterMs: 7_000,
    });
    expect(clock.running()).toEqual([7_000]);
  });

  it("waits no longer than its limit, whatever time the server names", () => {
    const { clock, send } = start();
    // More than a timer holds: it would fire at once, again and again.
    send({ type: "watch.failed", failure: { code: "UNAVAILABLE", message: "503" }, retryAfterMs: 2 ** 32 });
    expect(clock.running()).toEqual([30_000]);
  });
});
