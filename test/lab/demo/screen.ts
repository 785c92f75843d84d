/** Where the demo prints: plain lines, with colours only on a terminal that wants them (https://no-color.org). */
export type Screen = {
  readonly print: (...lines: readonly string[]) => void;
  /** A numbered heading. */
  readonly heading: (text: string) => void;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly bold: (text: string) => string;
};

/** A screen on stdout. */
export function openScreen(colours: boolean): Screen {
  const colour = (code: number) => (text: string) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);
  const print = (...lines: readonly string[]) => process.stdout.write(`${lines.join("\n")}\n`);
  const bold = colour(1);
  const section = { number: 0 };
  return {
    print,
    heading: (text) => {
      section.number += 1;
      print("", bold(`${section.number}. ${text}`));
    },
    good: colour(32),
    bad: colour(31),
    dim: colour(2),
    bold,
  };
}

/** One cell of a table: its text, and how to paint it once it is padded. */
export type Cell = string | { readonly text: string; readonly paint: (text: string) => string };

/** Lines of a table with a header; columns as wide as their widest cell. */
export function tableLines(
  screen: Screen,
  header: readonly string[],
  rows: readonly (readonly Cell[])[],
): readonly string[] {
  const textOf = (cell: Cell) => (typeof cell === "string" ? cell : cell.text);
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => textOf(row[column] ?? "").length)),
  );
  const line = (cells: readonly Cell[]) =>
    cells
      .map((cell, column) => {
        const padded = column === cells.length - 1 ? textOf(cell) : textOf(cell).padEnd(widths[column] ?? 0);
        return typeof cell === "string" ? padded : cell.paint(padded);
      })
      .join("  ");
  return [screen.dim(`   ${line(header)}`), ...rows.map((row) => `   ${line(row)}`)];
}
