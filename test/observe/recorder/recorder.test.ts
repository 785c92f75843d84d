import { expect, test } from "vitest";
import type { FeedActor } from "../../../src/observe/inspector/feed-messages.ts";
import { momentAt, spanOf } from "../../../src/observe/recorder/moments.ts";
import {
  type Recording,
  RecordingError,
  readRecording,
} from "../../../src/observe/recorder/read-recording.ts";
import { began, recordedSystem } from "./recorded-system.ts";

const small = { segments: 3, segmentBytes: 4096, texts: 100 };

const statesIn = (actors: readonly FeedActor[]) => actors.map(({ actor, state }) => `${actor} ${state}`);
const lastSeq = (recording: Recording) => spanOf(recording).lastSeq;

test("each moment has the machines as they were then, and what led there", () => {
  const { clock, spawn, tell, recording } = recordedSystem();
  spawn("a");
  clock.now = 1000;
  tell("a", "go");
  clock.now = 2000;
  tell("a", "deeper");
  clock.now = 3000;
  tell("a", "end");
  const at = (ms: number) => momentAt(recording(), { at: began + ms });
  expect(statesIn(at(0).actors)).toEqual(["daemon running", "a idle"]);
  expect(statesIn(at(1999).actors)).toEqual(["daemon running", "a working"]);
  expect(statesIn(at(3000).actors)).toEqual(["daemon running"]);
  const [root, child] = at(2500).actors;
  expect(child).toMatchObject({
    machine: "child",
    parent: root?.key,
    subject: "key of a",
    state: "nested.first",
    paths: ["nested.first"],
    since: began + 2000,
    limit: { ms: 3000, since: began + 2000 },
  });
  expect(at(2500)).toMatchObject({ type: "baseline", now: began + 2500, daemon: { node: "n1" } });
  const last = at(2500).entries.at(-1);
  expect(last).toMatchObject({ kind: "transition", from: "working", to: "nested.first", event: "deeper" });
  expect(at(2500).entries.at(-2)).toMatchObject({ kind: "message", type: "deeper", targetMachine: "child" });
});

test("a moment before the first and after the last is the first and the last", () => {
  const { spawn, recording } = recordedSystem();
  spawn("a");
  expect(momentAt(recording(), { at: 0 }).now).toBe(began);
  expect(momentAt(recording(), { at: 2 * began }).actors).toHaveLength(2);
  expect(momentAt(recording(), { seq: 0 }).entries).toEqual([]);
  expect(momentAt(recording(), { seq: 1e9 }).actors).toHaveLength(2);
});

test("an entry's number leads to the moment right after it", () => {
  const { spawn, tell, recording } = recordedSystem();
  spawn("a");
  tell("a", "go");
  const whole = recording();
  for (const { seq } of momentAt(whole, { seq: lastSeq(whole) }).entries)
    expect(momentAt(whole, { seq })).toMatchObject({ seq });
});

test("failures are told with their code, machines that failed with their error", async () => {
  const { spawn, tell, recording, row } = recordedSystem({});
  spawn("a");
  tell("a", "break");
  await expect.poll(() => row("a")?.state).toBe("idle");
  tell("a", "crash");
  const whole = recording();
  const { failures } = spanOf(whole);
  const [broke] = momentAt(whole, { seq: failures[0]?.seq ?? 0 }).entries.slice(-1);
  expect(broke).toMatchObject({
    type: expect.stringContaining("xstate.error.actor") as string,
    data: { failure: { code: "NO_SPACE", message: "no space left on /run/headcni" } },
  });
  const states = failures.map(({ seq }) =>
    momentAt(whole, { seq }).actors.find(({ actor }) => actor === "a"),
  );
  expect(states).toContainEqual(expect.objectContaining({ state: "error", error: "a bug" }));
});

test("memory is bounded; what goes first is the oldest, and what is left begins with all machines", () => {
  const { clock, spawn, tell, recorder, recording } = recordedSystem({ memory: small });
  spawn("quiet");
  spawn("a");
  tell("a", "go");
  for (let turn = 0; turn < 5000; turn += 1) {
    clock.now += 10;
    tell("a", "loop");
  }
  const bytes = recorder.page().segments.map(({ records, texts }) => records.length + texts.join("").length);
  expect(bytes).toHaveLength(3);
  for (const size of bytes) expect(size).toBeLessThan(small.segmentBytes * 1.4);
  const whole = recording();
  const { from, to, firstSeq } = spanOf(whole);
  expect(firstSeq).toBeGreaterThan(1000);
  expect(to).toBe(began + clock.now);
  expect(statesIn(momentAt(whole, { at: from }).actors)).toEqual([
    "daemon running",
    "quiet idle",
    "a working",
  ]);
  // No entry is missing between two segments.
  const seqs = whole.parts.flatMap(({ steps }) => steps.filter(({ entry }) => entry).map(({ seq }) => seq));
  expect(seqs).toEqual(Array.from(seqs, (_, index) => firstSeq + index));
});

test("edges and times of nested states come back as the inspector tells them", () => {
  const { clock, spawn, tell, recording } = recordedSystem({ memory: small });
  spawn("a");
  tell("a", "go");
  tell("a", "deeper");
  for (let turn = 0; turn < 1000; turn += 1) {
    clock.now += 1;
    tell("a", "step");
  }
  const whole = recording();
  const child = momentAt(whole, { at: began + clock.now }).actors.find(({ actor }) => actor === "a");
  expect(child?.edges).toHaveLength(1);
  // Of the outer state's 5000 ms more are left than of the inner one's.
  expect(child).toMatchObject({ state: "nested.first", since: began + 1000, limit: { ms: 3000 } });
});

test("a clock that is set back is no fault", () => {
  const { clock, spawn, tell, recording } = recordedSystem();
  spawn("a");
  clock.now = 5000;
  tell("a", "go");
  clock.now = 100;
  tell("a", "loop");
  const ats = recording().parts.flatMap(({ steps }) => steps.map(({ at }) => at - began));
  expect(ats).toContain(5000);
  expect(ats.at(-1)).toBe(100);
});

test("a fault of the recorder is told once and reaches no machine", () => {
  const fault = () => {
    throw new Error("a bug");
  };
  const { spawn, tell, broken, row } = recordedSystem({ wallClockMs: fault });
  spawn("a");
  tell("a", "go");
  expect(broken).toHaveLength(1);
  expect(row("a")).toMatchObject({ state: "working" });
});

test.each([
  ["no JSON", "}", "NOT_A_RECORDING", "it is no JSON"],
  ["another document", "{}", "NOT_A_RECORDING", "format"],
  ["a later format", '{"format":2,"daemon":{"version":"9.1"}}', "NEWER_RECORDING", "format 2"],
])("%s is refused by name", (_, text, code, words) => {
  const read = () => readRecording(text);
  expect(read).toThrow(RecordingError);
  expect(read).toThrow(words);
  expect(read).toThrow(expect.objectContaining({ detail: expect.objectContaining({ code }) as object }));
});

test.each([
  [
    "records that end too early",
    (segment: Segment) => ({ ...segment, records: segment.records.slice(0, -4) }),
  ],
  ["texts that are missing", (segment: Segment) => ({ ...segment, texts: [] })],
  ["records that are none", (segment: Segment) => ({ ...segment, records: "////" })],
])("%s are refused", (_, change) => {
  const { spawn, recorder } = recordedSystem();
  spawn("a");
  const page = recorder.page();
  const changed = { ...page, segments: page.segments.map(change) };
  expect(() => readRecording(JSON.stringify(changed))).toThrow(RecordingError);
});

type Segment = ReturnType<ReturnType<typeof recordedSystem>["recorder"]["page"]>["segments"][number];
