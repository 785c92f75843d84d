import { expect, test } from "vitest";
import type { FeedEntry } from "../../../src/observe/inspector/feed-messages.ts";
import { eventText, shortSpan, shortSubject, span } from "../../../visualizations/inspector/dom/text.ts";
import { fittingEntries, lanesOf } from "../../../visualizations/inspector/events/lanes.ts";

const message: FeedEntry = {
  kind: "message",
  seq: 1,
  at: 0,
  type: "pod.attachWanted",
  source: "x:2",
  sourceMachine: "request",
  target: "x:1",
  targetMachine: "pods",
  effect: "",
};
const transition: FeedEntry = {
  kind: "transition",
  seq: 2,
  at: 0,
  key: "x:3",
  machine: "pod",
  actor: "pod:0",
  subject: "abc/eth0",
  from: "attaching",
  to: "attached",
  paths: ["attached"],
  edges: [],
  event: "attach.done",
  heldMs: 3,
};
const all = { text: "", only: "", transitions: true, messages: true };

test.each([
  ["nothing", all, [1, 2]],
  ["a word", { ...all, text: "attachwanted" }, [1]],
  ["a state", { ...all, text: "attached abc" }, [2]],
  ["a machine as sender", { ...all, only: "x:2" }, [1]],
  ["a machine that moved", { ...all, only: "x:3" }, [2]],
  ["messages", { ...all, transitions: false }, [1]],
])("entries can be filtered by %s", (_, filter, seqs) => {
  expect(fittingEntries([message, transition], filter).map(({ seq }) => seq)).toEqual(seqs);
});

test("there is a lane for each machine that takes part, in the order of the charts", () => {
  expect(lanesOf([message, transition], ["headcni", "pods", "pod"])).toEqual(["pods", "pod", "request"]);
});

test.each([
  ["xstate.done.actor.0.pod.attaching", "attach", "attach done"],
  ["xstate.error.actor.0.pod.attaching", "attach", "attach failed"],
  ["xstate.after.deadline.request.asking", "", "after deadline"],
  ["pod.detach", "", "pod.detach"],
])("the event %s of effect %j reads %j", (type, effect, text) => {
  expect(eventText(type, effect)).toBe(text);
});

test("spans and subjects are short", () => {
  expect([span(12), span(1234), span(65_000), span(7_260_000)]).toEqual([
    "12 ms",
    "1.2 s",
    "1 m 05 s",
    "2 h 01 m",
  ]);
  expect([shortSpan(10), shortSpan(65_000), shortSpan(90_000_000)]).toEqual(["now", "1 m", "1 d"]);
  expect(shortSubject(`${"ab12".repeat(16)}/eth0`)).toBe("ab12ab12");
  expect(shortSubject("ADD c09ad1d4-1a80-4e5c-b404-83a65e08367e/net1")).toBe("ADD c09ad1d4/net1");
  expect(shortSubject("10.244.1.0/24")).toBe("10.244.1.0/24");
});
