/** Sizes of the pictures' text, in pixels. Everything is set in a monospaced font, so that widths are known without one. */
export const textSizes = {
  title: { font: 13, line: 18 },
  line: { font: 10.5, line: 14 },
  label: { font: 10.5, line: 14 },
} as const;

/** Advance of a character in the usual monospaced fonts (DejaVu Sans Mono, Menlo), as a part of the font size. */
const advance = 0.61;

/** Room that a block of text takes. */
export function textSize(
  lines: readonly string[],
  { font, line }: { readonly font: number; readonly line: number },
): { readonly width: number; readonly height: number } {
  const longest = Math.max(0, ...lines.map((text) => text.length));
  return { width: Math.ceil(longest * font * advance), height: lines.length * line };
}
