import { expect, it } from "vitest";
import { policyFlowsMachine } from "../../../machines/policy/policy-flows-machine.ts";
import { broken, brokenFailure, counted, drive } from "../../support/machines/drive.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";

const narrowed = { type: "flows.narrowed" } as const;
const end = { start: "endForbidden" };

function started() {
  const machine = drive(policyFlowsMachine, undefined);
  machine.start();
  return machine;
}

it("flows are looked through once they may be forbidden, at most once a second", () => {
  const { send, done, fire, at, context } = started();
  expect(at()).toBe("settled");
  expect(send(narrowed)).toEqual([end]);
  expect(done("endForbidden", 3)).toEqual([]);
  expect(send(narrowed)).toEqual([]);
  expect(fire(1_000)).toEqual([end]);
  done("endForbidden", 2);
  expect(fire(1_000)).toEqual([]);
  expect(at()).toBe("settled");
  expect(context().ended).toBe(5);
});

it("they are looked through again where that was asked for meanwhile", () => {
  const { send, done, fire } = started();
  send(narrowed);
  expect(send(narrowed)).toEqual([]);
  done("endForbidden", 0);
  expect(fire(1_000)).toEqual([end]);
});

it("a look that fails is tried again a second later", () => {
  const { send, fail, fire, done, at, context } = started();
  send(narrowed);
  expect(fail("endForbidden", broken)).toEqual([counted()]);
  expect(at()).toBe("backingOff");
  expect(context().failure).toEqual(brokenFailure);
  expect(fire(1_000)).toEqual([end]);
  done("endForbidden", 1);
  expect(context()).toMatchObject({ failure: null, ended: 1 });
});

it("takes every transition of its machine", async () => {
  await walkAllTransitions(policyFlowsMachine, {
    input: undefined,
    events: [narrowed],
    outcomes: { endForbidden: { done: [1] } },
    stateKey: ({ context }) => [context.narrowed],
  });
});
