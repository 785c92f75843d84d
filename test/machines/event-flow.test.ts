import { globSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { allMachines } from "../../machines/all-machines.ts";
import { eventFlow } from "../support/machines/event-flow.ts";
import { answererMachine, askerMachine } from "../support/machines/event-flow-example.ts";

const example = "test/support/machines/event-flow-example.ts";

/**
 * Every event that a machine takes is sent by the product, and every event sent is taken. What it proves is that some state of
 * the recipient takes the event, not that the state does in which it comes: headcni_machine_events_ignored_total shows those.
 * A recipient is known by the type of its events; a child told by its id, and the parent of a callback actor, by the event's name.
 */
test("every event has a sender and a receiver", () => {
  const files = [...globSync(["machines/**/*.ts", "src/**/*.ts"]), example].map((file) => resolve(file));
  const { unsent, untaken, unread } = eventFlow(files, [...allMachines, answererMachine, askerMachine]);
  const isExample = (line: string) => line.includes("example");
  const found = [...unsent, ...untaken, ...unread];
  expect(found.filter((line) => !isExample(line))).toEqual([]);
  expect(found.filter(isExample)).toEqual([
    "exampleAnswerer takes example.unsent, which nobody sends",
    `${example} sends example.untaken, which nobody takes`,
    `${example}:17 hands on sendTo`,
  ]);
}, 300_000);
