import { expect, test } from "vitest";
import type { Look } from "./storm.ts";
import { inWords, judge } from "./storm-verdict.ts";

const kernel = { links: 3, addresses: 5, routes: 40, neighbours: 2, rules: 4, firewallLines: 60 };
const look = (lives: number, more: Partial<Look> = {}): Look => ({
  lives,
  heapMb: 20,
  rssMb: 120,
  openFiles: 40,
  kernel,
  ...more,
});

test("a heap that grew by 10 MB and a kernel with no more than before are clean", () => {
  expect(judge([look(0), look(100, { heapMb: 30 })])).toEqual({
    heapGrowthMb: 10,
    leftBehind: [],
    missed: [],
  });
});

test("a heap that grew by more and whatever is left in the kernel are missed bars", () => {
  const more = { ...kernel, routes: kernel.routes + 3 };
  const taken = [look(0), look(100, { heapMb: 30.5, kernel: more })];
  const verdict = judge(taken);
  expect(verdict.missed).toEqual(["heap growth: 10.50 MB", "left in the kernel: 3 routes"]);
  expect(inWords(verdict, taken).split("\n")).toContain("MISSED left in the kernel: 3 routes");
});

test("without looks, and without lives between them, nothing was measured", () => {
  for (const taken of [[], [look(0)], [look(0), look(0)]])
    expect(judge(taken).missed).toEqual(["nothing measured: no pod lived"]);
});
