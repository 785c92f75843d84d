import { expect, test } from "vitest";
import { createStyle, visibleLength } from "../../../src/cli/output/style.ts";
import { formatTable, wrapText } from "../../../src/cli/output/table.ts";

const paper = (width: number) => ({ style: createStyle(false), width });

test("columns are as wide as their widest cell, and lines have no trailing blanks", () => {
  const table = formatTable(
    {
      headings: ["NODE", "STATE"],
      rows: [
        ["worker-1", "up"],
        ["n", "connecting"],
      ],
    },
    paper(100),
  );
  expect(table).toBe("NODE      STATE\nworker-1  up\nn         connecting");
});

test("a table never gets wider than the terminal: its widest column is cut", () => {
  const table = formatTable(
    {
      headings: ["A", "B", "C"],
      rows: [["short", "x".repeat(200), "y".repeat(60)]],
    },
    paper(100),
  );
  for (const line of table.split("\n")) expect(visibleLength(line)).toBeLessThanOrEqual(100);
  expect(table).toContain("x…");
});

test("paint takes no room", () => {
  const { bad } = createStyle(true);
  const table = formatTable({ headings: ["A", "B"], rows: [[bad("no"), "1"]] }, paper(100));
  expect(table).toBe(`A   B\n${bad("no")}  1`);
});

test("the last column can be wrapped instead", () => {
  const table = formatTable(
    {
      headings: ["ID", "WHY"],
      rows: [["a", "one two three four five six"]],
      wrapLast: true,
    },
    paper(20),
  );
  expect(table).toBe("ID  WHY\na   one two three\n    four five six");
});

test("wrapped text keeps every word", () => {
  const words = "the quick brown fox jumps over the lazy dog".split(" ");
  expect(wrapText(words.join(" "), 12).join(" ").split(" ")).toEqual(words);
});
