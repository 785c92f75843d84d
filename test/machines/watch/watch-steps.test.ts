import { describe, expect, it } from "vitest";
import type { WatchEvent } from "../../../machines/watch/watch-events.ts";
import { watchMachine } from "../../../machines/watch/watch-machine.ts";
import { backoffDelay } from "../../../src/domain/backoff.ts";
import { clusterNode } from "../../support/cluster-node.ts";
import { broken, brokenFailure, counted, drive, recipient } from "../../support/machines/drive.ts";

const node = clusterNode("n2", ["10.244.2.0/24"]);
const listed: WatchEvent = { type: "watch.listed", source: "nodes", items: [node], cursor: "10" };
const changed: WatchEvent = {
  type: "watch.changed",
  source: "nodes",
  changes: [{ kind: "removed", item: node }],
  cursor: "12",
};
const bookmark: WatchEvent = { type: "watch.changed", source: "nodes", changes: [], cursor: "14" };
const opened: WatchEvent = { type: "watch.opened", source: "nodes" };
const failure = (code: string) => ({ code, message: code });
const failed = (code: string, retryAfterMs?: number): WatchEvent => ({
  type: "watch.failed",
  failure: failure(code),
  ...(retryAfterMs !== undefined && { retryAfterMs }),
});
const follow = (cursor: string) => ({ start: "follow", input: { source: "nodes", cursor } });
const told = (event: object) => ({ to: "parent", ...event });
const restored = told({ type: "watch.restored", source: "nodes" });
const lost = (code: string) => [
  counted(failure(code)),
  told({ type: "watch.lost", source: "nodes", failure: failure(code) }),
];
const wait = (attempt: number) => backoffDelay(attempt, { firstMs: 250, maxMs: 30_000 }, "n1 nodes");
const refusalWait = (attempt: number) => backoffDelay(attempt, { firstMs: 1_000, maxMs: 30_000 }, "n1 nodes");

function started() {
  const watch = drive(watchMachine, { source: "nodes", seed: "n1", parent: recipient("parent") });
  return { ...watch, first: watch.start() };
}

/** What a step did beside the end of the stream. */
function besidesStop(effects: readonly object[]) {
  return effects.filter((effect) => !("stop" in effect));
}

describe("a watch", () => {
  it("lists, tells each change but bookmarks, and goes on from the last cursor", () => {
    const { first, send, fire, at } = started();
    expect(first).toEqual([follow("")]);
    expect(at()).toEqual({ following: "listing" });
    expect(send(opened)).toEqual([]);
    expect(send(listed)).toEqual([told(listed)]);
    expect(send(changed)).toEqual([told(changed)]);
    expect(send(bookmark)).toEqual([]);
    expect(send({ type: "watch.ended" })).toEqual([{ stop: "follow" }]);
    expect(at()).toBe("endedEarly");
    expect(fire(wait(0))).toEqual([follow("14")]);
    expect(at()).toEqual({ following: "resuming" });
    expect(send(opened)).toEqual([]);
    expect(at()).toEqual({ following: "watching" });
  });

  it("tells that it is lost and restored, by a list or by a stream that goes on", () => {
    const { send, fire, context } = started();
    expect(besidesStop(send(failed("UNREACHABLE")))).toEqual(lost("UNREACHABLE"));
    fire(wait(0));
    expect(send(listed)).toEqual([told(listed), restored]);
    expect(context()).toMatchObject({ failure: null, lost: false });
    send(failed("UNREACHABLE"));
    fire(wait(0));
    expect(send(opened)).toEqual([restored]);
    expect(send(listed)).toEqual([]);
  });

  it("counts waits in a row, also those after an orderly end, until it hears something", () => {
    const { send, fire, timers } = started();
    for (let attempt = 0; attempt < 10; attempt += 1) {
      send(attempt % 2 === 0 ? failed("UNREACHABLE") : { type: "watch.ended" });
      expect(timers()).toEqual([wait(attempt)]);
      fire(wait(attempt));
    }
    send(listed);
    send(failed("UNREACHABLE"));
    expect(timers()).toEqual([wait(0)]);
  });

  it.each(["UNAUTHORIZED", "FORBIDDEN"])("waits from a second on while it is refused (%s)", (code) => {
    const { send, fire, timers, at } = started();
    for (let attempt = 0; attempt < 7; attempt += 1) {
      expect(besidesStop(send(failed(code)))).toEqual(lost(code));
      expect(at()).toBe("refused");
      expect(timers()).toEqual([refusalWait(attempt)]);
      expect(fire(refusalWait(attempt))).toEqual([follow("")]);
    }
  });

  it("lists anew after its cursor expired", () => {
    const { send, fire, at } = started();
    send(listed);
    expect(besidesStop(send(failed("EXPIRED")))).toEqual(lost("EXPIRED"));
    expect(at()).toBe("backingOff");
    expect(fire(wait(0))).toEqual([follow("")]);
  });

  it("waits as long as the server asks, half a minute at most, and forgets that with the next news", () => {
    const { send, fire, timers } = started();
    send(failed("UNAVAILABLE", 7_000));
    expect(timers()).toEqual([7_000]);
    fire(7_000);
    send(listed);
    send({ type: "watch.ended" });
    expect(timers()).toEqual([wait(0)]);
    fire(wait(0));
    send(opened);
    send(failed("UNAVAILABLE", 99_000));
    expect(timers()).toEqual([30_000]);
    fire(30_000);
    send(failed("UNAVAILABLE"));
    expect(timers()).toEqual([wait(2)]);
  });

  it("of a kind that this API server does not have tells of none, is not lost, and asks again in ten minutes", () => {
    const input = { source: "serviceCidrs", seed: "n1", parent: recipient("parent") } as const;
    const { start, send, fire, timers, at, context } = drive(watchMachine, input);
    start();
    const none = told({ type: "watch.listed", source: "serviceCidrs", items: [], cursor: "" });
    expect(besidesStop(send(failed("NOT_FOUND")))).toEqual([none]);
    expect(at()).toBe("unknownKind");
    expect(timers()).toEqual([600_000]);
    expect(fire(600_000)).toEqual([{ start: "follow", input: { source: "serviceCidrs", cursor: "" } }]);
    const item = { name: "a", prefixes: ["10.97.0.0/24"] };
    send({ type: "watch.listed", source: "serviceCidrs", items: [item], cursor: "10" });
    send(failed("UNREACHABLE"));
    fire(backoffDelay(0, { firstMs: 250, maxMs: 30_000 }, "n1 serviceCidrs"));
    // An earlier release of the API server came back.
    expect(besidesStop(send(failed("NOT_FOUND")))).toEqual([
      none,
      told({ type: "watch.restored", source: "serviceCidrs" }),
    ]);
    expect(context()).toMatchObject({ cursor: "", failure: null, lost: false });
  });

  it("of a kind that every API server has is lost when it is not found", () => {
    const { send, at } = started();
    expect(besidesStop(send(failed("NOT_FOUND")))).toEqual(lost("NOT_FOUND"));
    expect(at()).toBe("backingOff");
  });

  it("is lost with a mistake of its stream, too", () => {
    const { fail, at } = started();
    expect(fail("follow", broken)).toEqual([
      counted(),
      told({ type: "watch.lost", source: "nodes", failure: brokenFailure }),
    ]);
    expect(at()).toBe("backingOff");
  });
});
