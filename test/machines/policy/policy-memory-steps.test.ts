import { expect, it } from "vitest";
import {
  type PolicyMemoryEvent,
  policyMemoryMachine,
} from "../../../machines/policy/policy-memory-machine.ts";
import { backoffDelay } from "../../../src/domain/backoff.ts";
import type { PolicyMemory } from "../../../src/domain/policy/policy-ledger.ts";
import { broken, brokenFailure, counted, drive } from "../../support/machines/drive.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";

const memoryOf = (name: string): PolicyMemory => ({
  ...{ policies: {}, namespaces: { [name]: { name, labels: {} } }, pods: {} },
});
const [one, other] = [memoryOf("a"), memoryOf("b")];
const wanted = (memory: PolicyMemory): PolicyMemoryEvent => ({ type: "memory.wanted", memory });
const write = (memory: PolicyMemory) => ({ start: "remember", input: { memory } });
const retry = (attempt: number) => backoffDelay(attempt, { firstMs: 1_000, maxMs: 60_000 }, "n1");

function started() {
  const machine = drive(policyMemoryMachine, { seed: "n1" });
  machine.start();
  return machine;
}

it("what is wanted is written 5 s later, the last word then", () => {
  const { send, fire, done, at } = started();
  expect(at()).toBe("kept");
  expect(send(wanted(one))).toEqual([]);
  expect(send(wanted(other))).toEqual([]);
  expect(fire(5_000)).toEqual([write(other)]);
  expect(done("remember", other)).toEqual([]);
  expect(at()).toBe("kept");
});

it("what changes while it is written is written after that", () => {
  const { send, fire, done, at } = started();
  send(wanted(one));
  fire(5_000);
  send(wanted(other));
  done("remember", one);
  expect(at()).toBe("gathering");
  expect(fire(5_000)).toEqual([write(other)]);
});

it("a write that fails is tried again ever more slowly, and its failure is forgotten with the next that does not", () => {
  const { send, fire, fail, done, timers, context } = started();
  send(wanted(one));
  fire(5_000);
  for (let attempt = 0; attempt < 8; attempt += 1) {
    expect(fail("remember", broken)).toEqual([counted()]);
    expect(timers()).toEqual([retry(attempt)]);
    expect(fire(retry(attempt))).toEqual([write(one)]);
  }
  expect(context().failure).toEqual(brokenFailure);
  done("remember", one);
  expect(context()).toMatchObject({ failure: null, attempt: 0 });
});

it("takes every transition of its machine", async () => {
  await walkAllTransitions(policyMemoryMachine, {
    input: { seed: "n1" },
    events: [wanted(one), wanted(other)],
    outcomes: { remember: { done: [one, other] } },
    stateKey: ({ context }) => [
      context.wanted === context.written,
      context.written === null,
      Math.min(context.attempt, 1),
    ],
  });
});
