import { stripVTControlCharacters } from "node:util";
import { type Paper, visibleLength } from "./style.ts";

export interface TableOptions {
  readonly headings: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Paints the heading line; bold by default. */
  readonly paintHeading?: (text: string) => string;
  /** Index of the column whose text is wrapped onto more lines instead of cut; it must be the last one. */
  readonly wrapLast?: boolean;
}

const gap = "  ";
const narrowest = 8;

/**
 * Left-aligned columns, no trailing blanks, one line a row (but for `wrapLast`). Rows that would be longer than the paper is wide have
 * their widest cells cut, with an ellipsis.
 */
export function formatTable(options: TableOptions, { style, width }: Paper): string {
  const { headings, rows, paintHeading = style.bold, wrapLast = false } = options;
  const widths = shrinkToFit(
    headings.map((heading, column) =>
      Math.max(heading.length, ...rows.map((row) => visibleLength(row[column] ?? ""))),
    ),
    width - gap.length * (headings.length - 1),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => pad(cell, widths[column] ?? 0))
      .join(gap)
      .trimEnd();
  const body = rows.flatMap((row) => {
    const last = headings.length - 1;
    if (!wrapLast) return [line(row)];
    const [first = "", ...more] = wrapText(row[last] ?? "", widths[last] ?? width);
    return [
      line([...row.slice(0, last), first]),
      ...more.map((text) => line([...row.slice(0, last).map(() => ""), text])),
    ];
  });
  return [paintHeading(line(headings)), ...body].join("\n");
}

/** Takes from the widest column until all fit; none gets narrower than eight columns. */
function shrinkToFit(widths: readonly number[], room: number): readonly number[] {
  const fitted = [...widths];
  for (let over = fitted.reduce((sum, one) => sum + one, 0) - room; over > 0; over--) {
    const widest = fitted.indexOf(Math.max(...fitted));
    if ((fitted[widest] ?? 0) <= narrowest) break;
    fitted[widest] = (fitted[widest] ?? 0) - 1;
  }
  return fitted;
}

function pad(cell: string, width: number): string {
  const length = visibleLength(cell);
  if (length <= width) return cell + " ".repeat(width - length);
  // Painted cells are states and marks, short by nature; one that must be cut loses its paint.
  return `${[...stripVTControlCharacters(cell)].slice(0, Math.max(0, width - 1)).join("")}…`;
}

/** Breaks at blanks; a word longer than a line stays whole. */
export function wrapText(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/).filter((part) => part !== "")) {
    if (line === "") line = word;
    else if (visibleLength(line) + 1 + visibleLength(word) <= width) line += ` ${word}`;
    else {
      lines.push(line);
      line = word;
    }
  }
  return line === "" && lines.length > 0 ? lines : [...lines, line];
}

/** Text behind a label, wrapped; its further lines stand below the first one's text. */
export function labelledText(label: string, text: string, width: number): readonly string[] {
  return wrapText(text, width - label.length).map((line, index) =>
    `${index === 0 ? label : " ".repeat(label.length)}${line}`.trimEnd(),
  );
}
