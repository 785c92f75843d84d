import { describe, expect, test } from "vitest";
import { parseOptions, parts } from "./options.ts";

describe("options of the benchmark", () => {
  test("without options everything is measured in nine rounds", () => {
    expect(parseOptions([])).toMatchObject({
      only: parts,
      rounds: 9,
      json: false,
      daemon: "bundle",
      mode: "daemon",
    });
  });

  test("--only takes a list of parts", () => {
    expect(parseOptions(["--only", "add,rss", "--json"])).toMatchObject({ only: ["add", "rss"], json: true });
  });

  test.each([
    ["a part there is not", ["--only", "add,dance"], "dance"],
    ["no number of rounds", ["--rounds", "many"], "many"],
    ["no rounds", ["--rounds", "0"], "from 1"],
    ["more pods than a batch may have", ["--pods", "111"], "110"],
    ["an option there is not", ["--loud"], "--loud"],
    ["a kind of daemon there is not", ["--daemon", "java"], "java"],
    ["a mode there is not", ["--mode", "mixed"], "mixed"],
  ])("%s is refused by name", (_, argv, word) => {
    expect(() => parseOptions(argv)).toThrow(word);
  });
});
