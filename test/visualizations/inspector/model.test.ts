import { expect, test } from "vitest";
import type {
  FeedActor,
  FeedBaseline,
  FeedDelta,
  FeedEntry,
} from "../../../src/observe/inspector/feed-messages.ts";
import { createModel } from "../../../visualizations/inspector/model/model.ts";

const actor = (key: string, more: Partial<FeedActor> = {}): FeedActor => ({
  key,
  parent: null,
  machine: "pod",
  actor: key,
  subject: "",
  state: "attached",
  paths: ["attached"],
  since: 0,
  limit: null,
  edges: [],
  ...more,
});

const entry = (seq: number): FeedEntry => ({
  kind: "message",
  seq,
  at: seq,
  type: "pod.detach",
  source: null,
  sourceMachine: "",
  target: "a",
  targetMachine: "pod",
  effect: "",
});

const entries = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => entry(from + index));

const baseline = (more: Partial<FeedBaseline> = {}): FeedBaseline => ({
  type: "baseline",
  daemon: { node: "n1", version: "0", pid: 1 },
  now: 1000,
  seq: 0,
  actors: [],
  entries: [],
  missed: 0,
  ...more,
});

const delta = (more: Partial<FeedDelta>): FeedDelta => ({
  type: "delta",
  now: 1000,
  seq: 0,
  changed: [],
  entries: [],
  left: 0,
  ...more,
});

test("entries that a baseline and a frame both have are kept once", () => {
  const model = createModel();
  model.apply(baseline({ seq: 3, entries: entries(1, 3) }));
  model.apply(delta({ seq: 5, entries: entries(2, 5) }));
  expect(model.view().entries.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
});

test("what was left out and what a new baseline no longer has is counted as missing", () => {
  const model = createModel();
  model.apply(baseline({ seq: 10, entries: entries(1, 10) }));
  model.apply(delta({ seq: 20, entries: entries(11, 15), left: 5 }));
  expect(model.view().missing).toBe(5);
  model.apply(baseline({ seq: 100, entries: entries(51, 100), actors: [actor("b")] }));
  expect(model.view().missing).toBe(35);
  expect([...model.view().actors.keys()]).toEqual(["b"]);
});

test("a daemon that was restarted begins anew", () => {
  const model = createModel();
  model.apply(baseline({ seq: 500, entries: entries(490, 500) }));
  model.apply(baseline({ daemon: { node: "n1", version: "0", pid: 2 }, seq: 2, entries: entries(1, 2) }));
  expect(model.view().entries.map(({ seq }) => seq)).toEqual([1, 2]);
  expect(model.view().missing).toBe(0);
});

test("paused, the view stands still, and continues with all that happened", () => {
  const model = createModel();
  model.apply(baseline({ seq: 1, entries: entries(1, 1), actors: [actor("a")] }));
  model.pause(true);
  model.apply(
    delta({ seq: 2, entries: entries(2, 2), changed: [actor("a", { state: "gone", ended: true })] }),
  );
  expect(model.view().entries).toHaveLength(1);
  expect(model.view().actors.get("a")?.state).toBe("attached");
  model.pause(false);
  expect(model.view().entries).toHaveLength(2);
  expect(model.view().finals.get("a")?.state).toBe("gone");
});

test("an ended machine lingers for a moment, its last state for longer, and nothing for ever", () => {
  let now = 0;
  const model = createModel(() => now);
  model.apply(baseline());
  for (let turn = 0; turn < 3000; turn += 1) {
    const seq = turn * 10 + 10;
    const changed = [actor(`pod ${turn}`, { state: "gone", ended: true })];
    model.apply(delta({ seq, entries: entries(seq - 9, seq), changed }));
  }
  expect(model.view().actors.size).toBe(3000);
  now = 5000;
  expect(model.sweep()).toBe(true);
  expect(model.view().actors.size).toBe(0);
  expect(model.view().finals.size).toBe(500);
  expect(model.view().finals.has("pod 2999")).toBe(true);
  expect(model.view().entries.length).toBeLessThanOrEqual(5000);
  expect(model.view().entries.at(-1)?.seq).toBe(30_000);
});
