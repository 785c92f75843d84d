import { expect, test } from "vitest";
import { createActor, toPromise } from "xstate";
import { notProvided, notProvidedSource } from "../../../machines/support/not-provided.ts";
import { freeSlot, slotOfChild, usedSlots } from "../../../machines/support/slots.ts";
import { mayLast, stuckAfter } from "../../../machines/support/state-limit.ts";

test("an effect without an implementation fails by its name", async () => {
  const promise = createActor(notProvided<void, undefined>("pod.attach"), { input: undefined });
  const attached = toPromise(promise);
  promise.start();
  await expect(attached).rejects.toThrow('actor "pod.attach" was not provided');
  const logic = notProvidedSource<{ readonly type: "news" }, undefined>("watch");
  expect(logic).toMatchObject({ neverDone: true });
  const source = createActor(logic, { input: undefined });
  const watched = toPromise(source);
  source.start();
  await expect(watched).rejects.toThrow('actor "watch" was not provided');
});

test("a state says how long it may last and at which level its entry is logged", () => {
  expect(stuckAfter(5, "late")).toEqual({ limit: { ms: 5, means: "late" } });
  expect(stuckAfter(5, "late", "warn")).toEqual({ limit: { ms: 5, means: "late" }, log: "warn" });
  expect(mayLast("well")).toEqual({ limit: "none", because: "well" });
  expect(mayLast("well", "info")).toEqual({ limit: "none", because: "well", log: "info" });
});

test("slots are counted, given again from the lowest, and found by their child", () => {
  const slots = ["a", null, "b", "c"];
  expect([usedSlots(slots), freeSlot(slots), freeSlot(["a"]), freeSlot([])]).toEqual([3, 1, 1, 0]);
  expect([slotOfChild("pod", "pod:12"), slotOfChild("pod", "route:12")]).toEqual([12, -1]);
});
