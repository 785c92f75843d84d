import { expect, test } from "vitest";
import { nearest } from "./nearest.ts";

const commands = ["up", "down", "pod add", "pod del", "fault partition"];

test.each([
  { typed: "pod ad", meant: "pod add" },
  { typed: "dwon", meant: "down" },
  { typed: "fault partiton", meant: "fault partition" },
])("$typed is taken for $meant", ({ typed, meant }) => {
  expect(nearest(typed, commands)).toBe(meant);
});

test("a word that resembles nothing is taken for nothing", () => {
  expect(nearest("frobnicate", commands)).toBeUndefined();
});
