import { expect, test } from "vitest";
import type { FeedActor } from "../../../src/observe/inspector/feed-messages.ts";
import { pressureOf, type Show, treeRows } from "../../../visualizations/inspector/actors/tree.ts";

const actor = (key: string, parent: string | null, more: Partial<FeedActor> = {}): FeedActor => ({
  key,
  parent,
  machine: key,
  actor: key,
  subject: "",
  state: "running",
  paths: ["running"],
  since: 0,
  limit: null,
  edges: [],
  ...more,
});

const family = new Map(
  [
    actor("headcni", null),
    actor("pods", "headcni"),
    actor("pod 1", "pods", { subject: "abc/eth0", limit: { ms: 1000, since: 0 } }),
    actor("pod 2", "pods", { subject: "def/eth0" }),
    actor("guard", "headcni", { error: "a bug" }),
  ].map((one) => [one.key, one]),
);

const rows = (options: { search?: string; show?: Show; closed?: string[]; now?: number } = {}) =>
  treeRows(family, {
    search: options.search ?? "",
    show: options.show ?? "all",
    closed: new Set(options.closed),
    now: options.now ?? 0,
  });

test("parents stand before their children, one level up", () => {
  expect(rows().map(({ actor: { key }, level }) => [key, level])).toEqual([
    ["headcni", 1],
    ["pods", 2],
    ["pod 1", 3],
    ["pod 2", 3],
    ["guard", 2],
  ]);
});

test("a closed machine hides those below it", () => {
  const shown = rows({ closed: ["pods"] });
  expect(shown.map(({ actor: { key } }) => key)).toEqual(["headcni", "pods", "guard"]);
  expect(shown.find(({ actor: { key } }) => key === "pods")).toMatchObject({
    hasChildren: true,
    open: false,
  });
});

test.each([
  ["def", ["headcni", "pods", "pod 2"]],
  ["POD running abc", ["headcni", "pods", "pod 1"]],
  ["nothing", []],
])("a search for %j shows what fits and the way there, also through closed machines", (search, keys) => {
  const shown = rows({ search, closed: ["pods"] });
  expect(shown.map(({ actor: { key } }) => key)).toEqual(keys);
  expect(shown.filter(({ beside }) => !beside)).toHaveLength(keys.length === 0 ? 0 : 1);
});

test("only the failed, or only those near their limit, can be shown", () => {
  const keys = (show: Show, now: number) => rows({ show, now }).map(({ actor: { key } }) => key);
  expect(keys("failed", 0)).toEqual(["headcni", "guard"]);
  expect(keys("over", 400)).toEqual([]);
  expect(keys("over", 600)).toEqual(["headcni", "pods", "pod 1"]);
});

test.each([
  [400, "fine"],
  [600, "near"],
  [1001, "over"],
])("%i ms into a limit of a second a machine is %s", (now, pressure) => {
  expect(pressureOf(actor("pod", null, { limit: { ms: 1000, since: 0 } }), now)).toBe(pressure);
});

test("a thousand machines become rows quickly enough to be drawn at every frame", () => {
  const many = new Map([["headcni", actor("headcni", null)]]);
  for (let index = 0; index < 1000; index += 1) many.set(`p${index}`, actor(`p${index}`, "headcni"));
  const shown = treeRows(many, { search: "p", show: "all", closed: new Set(), now: 0 });
  expect(shown).toHaveLength(1001);
});
