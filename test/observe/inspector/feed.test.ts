import { expect, test } from "vitest";
import { machineChart } from "../../../machines/chart/machine-chart.ts";
import { createFeed, type Feed } from "../../../src/observe/inspector/feed.ts";
import type { FeedBaseline, FeedDelta } from "../../../src/observe/inspector/feed-messages.ts";
import { redactLine } from "../../../src/observe/logs/redaction.ts";
import { observedSystem } from "../observed-system.ts";

/** A feed over a running system; `sees` lets somebody watch it. */
function fed() {
  const broken: unknown[] = [];
  const holder: { feed?: Feed } = {};
  const system = observedSystem({
    listener: (machine, change) => holder.feed?.listener(machine, change),
    inspect: (event) => holder.feed?.inspect(event),
  });
  const feed = createFeed({
    daemon: { node: "n1", version: "0", pid: 1 },
    machines: system.observer,
    redact: (line) => redactLine(line, ["a-known-secret"]),
    broke: (error) => broken.push(error),
  });
  holder.feed = feed;
  return {
    ...system,
    feed,
    broken,
    delta: () => JSON.parse(feed.take()) as FeedDelta,
    baseline: () => JSON.parse(feed.baseline(0)) as FeedBaseline,
  };
}

test("a late viewer's baseline has every machine as it is now, and what happened before", () => {
  const { spawn, tell, baseline } = fed();
  spawn("a");
  tell("a", "go");
  const { actors, entries } = baseline();
  expect(actors.map(({ actor, state }) => [actor, state])).toEqual([
    ["daemon", "running"],
    ["a", "working"],
  ]);
  const child = actors.find(({ actor }) => actor === "a");
  expect(child).toMatchObject({ subject: "key of a", paths: ["working"], limit: { ms: 1000 } });
  expect(child?.parent).toBe(actors[0]?.key);
  expect(
    entries
      .filter(({ kind }) => kind === "transition")
      .map((transition) => "to" in transition && transition.to),
  ).toEqual(["idle", "passing", "working"]);
});

test("a machine that changed many times between two frames is told once, in its last state", () => {
  const { spawn, tell, feed, delta } = fed();
  spawn("a");
  feed.watch(() => undefined);
  tell("a", "go");
  for (let turn = 0; turn < 2000; turn += 1) tell("a", "loop");
  tell("a", "deeper");
  const { changed, entries, left, seq } = delta();
  expect(changed).toHaveLength(1);
  expect(changed[0]).toMatchObject({ actor: "a", state: "nested.first", paths: ["nested.first"] });
  expect(entries.length).toBeLessThanOrEqual(240);
  expect(left).toBeGreaterThan(2000);
  expect(seq).toBe(feed.seq());
  expect(delta()).toMatchObject({ changed: [], entries: [], left: 0 });
});

test("the end of a machine is told, with the state it ended in, even when it began in the same frame", () => {
  const { spawn, tell, feed, delta } = fed();
  feed.watch(() => undefined);
  spawn("a");
  tell("a", "go");
  tell("a", "end");
  const { changed } = delta();
  expect(changed.find(({ actor }) => actor === "a")).toMatchObject({ state: "ended", ended: true });
});

test("a failed machine is told as failed", () => {
  const { spawn, tell, feed, delta } = fed();
  spawn("a");
  feed.watch(() => undefined);
  tell("a", "crash");
  expect(delta().changed.find(({ actor }) => actor === "a")).toMatchObject({ error: "a bug" });
});

test("edges are positions in the chart of the machine that runs", () => {
  const { spawn, tell, root, baseline } = fed();
  spawn("a");
  tell("a", "go");
  tell("a", "deeper");
  const ref = root.getSnapshot().context.refs["a"] as unknown as {
    readonly logic: Parameters<typeof machineChart>[0];
  };
  const { edges } = machineChart(ref.logic);
  const child = baseline().actors.find(({ actor }) => actor === "a");
  expect(child?.edges.map((index) => edges[index])).toEqual([
    { from: "working", to: "nested", kind: "event", cause: "deeper", moves: true },
  ]);
});

test("fields of events reach viewers only, shortened, and never a key", () => {
  const { root, feed, delta, baseline } = fed();
  const send = (fields: object) => root.send({ type: "stop", id: "nobody", ...fields } as never);
  send({ unseen: "early" });
  const early = baseline();
  expect(early.entries).toContainEqual(expect.objectContaining({ kind: "message", type: "stop" }));
  expect(JSON.stringify(early)).not.toContain("early");
  feed.watch(() => undefined);
  send({
    authKey: "plain",
    note: "it is hskey-auth-abc-DEADBEEF",
    word: "a-known-secret",
    list: Array.from({ length: 5000 }, (_, index) => index),
    long: `${"x".repeat(150)} hskey-api-cut-SECRETSECRET ${"y".repeat(9000)}`,
    replyTo: root,
  });
  const { entries } = delta();
  const text = JSON.stringify(entries);
  expect(text.length).toBeLessThan(2500);
  for (const secret of ["plain", "DEADBEEF", "a-known-secret", "SECRET"]) expect(text).not.toContain(secret);
  expect(entries[0]).toMatchObject({ kind: "message", type: "stop", source: null, targetMachine: "root" });
  expect(text).toContain("→ daemon");
});

test("without a viewer nothing is gathered, and what is kept for late ones is bounded", () => {
  const { spawn, tell, delta, baseline } = fed();
  spawn("a");
  for (let turn = 0; turn < 5000; turn += 1) tell("a", "touch");
  expect(delta()).toMatchObject({ changed: [], entries: [] });
  expect(baseline().entries).toHaveLength(600);
});

test("a fault of the feed is told once and reaches no machine", () => {
  const { spawn, feed, broken, row } = fed();
  feed.watch(() => {
    throw new Error("a bug");
  });
  spawn("a");
  spawn("b");
  expect(broken).toHaveLength(1);
  expect(row("b")).toMatchObject({ state: "idle" });
});
