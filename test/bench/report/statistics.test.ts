import { describe, expect, test } from "vitest";
import { difference, measured, median, percentile, ratio, rotated } from "./statistics.ts";

describe("statistics of the benchmarks", () => {
  test("a percentile is the value at its nearest rank, whatever the order", () => {
    const values = [40, 15, 50, 20, 35];
    expect(percentile(values, 0.3)).toBe(20);
    expect(percentile(values, 0.5)).toBe(35);
    expect(percentile(values, 0.99)).toBe(50);
    expect(percentile(values, 0)).toBe(15);
  });

  test("the median of an even number of values is the mean of the two in the middle", () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([9, 1, 5])).toBe(5);
  });

  test("nothing measured is not a number, rather than zero", () => {
    expect(percentile([], 0.5)).toBeNaN();
    expect(median([])).toBeNaN();
    expect(measured([])).toEqual({ median: Number.NaN, low: Number.NaN, high: Number.NaN, rounds: [] });
  });

  test("a ratio is taken inside each round, so a slow round does not move it", () => {
    expect(ratio([1, 10, 2], [10, 100, 20])).toEqual({
      median: 0.1,
      low: 0.1,
      high: 0.1,
      rounds: [0.1, 0.1, 0.1],
    });
  });

  test("a difference keeps its spread", () => {
    expect(difference([5, 7, 9], [4, 4, 4])).toEqual({ median: 3, low: 1, high: 5, rounds: [1, 3, 5] });
    expect(measured([2])).toEqual({ median: 2, low: 2, high: 2, rounds: [2] });
  });

  test("every candidate runs first once", () => {
    const names = ["a", "b", "c"];
    expect([0, 1, 2, 3].map((round) => rotated(names, round)[0])).toEqual(["a", "b", "c", "a"]);
    expect(rotated(names, 1)).toEqual(["b", "c", "a"]);
    expect(rotated([], 4)).toEqual([]);
  });
});
