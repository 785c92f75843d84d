import { expect, test } from "vitest";
import { machinesText } from "../../src/cli/machines/machines-text.ts";
import { createStyle } from "../../src/cli/output/style.ts";

test("a machine past the limit of a state around its own is shown by that state, with its time", () => {
  const row = {
    machine: "pod",
    actor: "pod:0",
    parent: "pods",
    subject: "c1/eth0",
    state: "detaching.releasing",
    sinceMs: 3_000,
    limitMs: 60_000,
    stuck: true,
    outer: [{ state: "detaching", sinceMs: 240_000, limitMs: 60_000, stuck: true }],
    lastTransitions: [],
  };
  const text = machinesText([row], { style: createStyle(false), width: 100 });
  expect(text).toMatch(/pod +detaching \(now releasing\) +4 min +1 min +pod:0 +c1\/eth0/);
  expect(text).toContain("1 stuck or failed");
});
