import { expect, test } from "vitest";
import { findMutants } from "./find-mutants.ts";

/** Each mutant as `mutator: changed line`. */
function changes(text: string): readonly string[] {
  return findMutants("machines/x.ts", text).map(({ mutator, after }) => `${mutator}: ${after}`);
}

test.each([
  ["if (found(a)) go();", ["condition: if (!(found(a))) go();", "statement: if (found(a)) ;"]],
  ["x = a < b;", ["statement: ;", "comparison: x = a >= b;", "boundary: x = a <= b;"]],
  ["f(a && !b);", ["statement: ;", "logic: f(a || !b);", "condition: f(a && b);"]],
  ["f(a ?? b);", ["statement: ;", "logic: f(a);"]],
  ["const c = a + b * d;", ["arithmetic: const c = a - b * d;", "arithmetic: const c = a + b / d;"]],
  ["const limit = 5_000;", ["constant: const limit = (5000 * 2);"]],
  ["const kind = 'route';", ['constant: const kind = "";']],
  ["const on = true;", ["constant: const on = false;"]],
  [
    "const list = [rule(a), b, ...c];",
    [
      "element: const list = [ b, ...c];",
      "element: const list = [rule(a), ...c];",
      "spread: const list = [rule(a), b, ];",
    ],
  ],
  ["const list = a.filter(isOwn);", ["call: const list = a;"]],
  ["const all = a.some(isOwn);", ["call: const all = a.every(isOwn);"]],
])("%s", (text, expected) => {
  expect(changes(text)).toEqual(expected);
});

test("texts, types, imports, arguments and `meta` stay", () => {
  const text = `
    import { a } from "xstate";
    type Kind = "route" | 5;
    const text = "no route to the peer";
    const sentence = \`in \${n === 1 ? "pod" : "pods"} here\`;
    const words = isUp(link) ? "is up" : down(link);
    const length = rest(5, "x");
    const state = { meta: stuckAfter(limits.up, true) };`;
  expect(changes(text)).toEqual([]);
});

test("outside of machines a guard is a word like others", () => {
  expect(findMutants("src/x.ts", "const steps = { guard: what };")).toEqual([]);
});

test("a statechart loses actions, guards and transitions, and goes elsewhere", () => {
  const text = `
    const chart = createMachine({
      initial: "up",
      states: {
        up: {
          entry: ["tell", "count"],
          on: { "link.lost": { guard: "isOurs", target: "down" } },
          meta: mayLast("all is well"),
        },
        down: { after: { retry: "up" } },
      },
    });`;
  expect(changes(text)).toEqual([
    'target: initial: "down",',
    'action: entry: [ "count"],',
    'action: entry: ["tell", ],',
    "transition: on: { },",
    'guard: on: { "link.lost": { guard: () => true, target: "down" } },',
    'guard: on: { "link.lost": { guard: turnedGuard("isOurs"), target: "down" } },',
    'target: on: { "link.lost": { guard: "isOurs", target: "up" } },',
    "transition: down: { after: { } },",
    'target: down: { after: { retry: "down" } },',
  ]);
});
