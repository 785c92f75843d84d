import { describe, expect, test } from "vitest";
import { type LabelRequirement, selects } from "../../../src/domain/policy/label-selector.ts";

describe("a requirement", () => {
  const a = { app: "a" };
  test.each([
    { operator: "In", values: ["a", "b"], of: [a, { app: "b" }], not: [{ app: "c" }, {}] },
    { operator: "NotIn", values: ["a", "b"], of: [{ app: "c" }, {}, { tier: "a" }], not: [a, { app: "b" }] },
    { operator: "Exists", values: [], of: [a, { app: "" }], not: [{}, { tier: "a" }] },
    { operator: "DoesNotExist", values: [], of: [{}, { tier: "a" }], not: [a, { app: "" }] },
  ] as const)("$operator $values", ({ operator, values, of, not }) => {
    const judged = (labels: Readonly<Record<string, string>>) =>
      selects([{ key: "app", operator, values }], labels);
    expect([of.map(judged), not.map(judged)]).toEqual([of.map(() => true), not.map(() => false)]);
  });
});

test("all requirements must hold, and none is everything", () => {
  const in_ = (key: string): LabelRequirement => ({ key, operator: "In", values: ["x"] });
  expect(selects([in_("a"), in_("b")], { a: "x", b: "x" })).toBe(true);
  expect(selects([in_("a"), in_("b")], { a: "x", b: "y" })).toBe(false);
  expect(selects([], {})).toBe(true);
});

test("a key that every object of the language has is no label", () => {
  expect(selects([{ key: "constructor", operator: "Exists", values: [] }], {})).toBe(false);
  expect(selects([{ key: "constructor", operator: "DoesNotExist", values: [] }], {})).toBe(true);
});
