/** What a terminal acts upon, tab and line feed apart: C0, DEL, C1, marks of direction, separators of lines and paragraphs. */
export function actsOnTerminal(text: string): boolean {
  return [...text].some((character) => {
    const code = character.codePointAt(0) ?? 0;
    if (character === "\n" || character === "\t") return false;
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) || turningOrEnding.has(code);
  });
}

/** Unicode 16, PropList.txt: Bidi_Control, and the categories Zl and Zp. */
export const turningOrEnding: ReadonlySet<number> = new Set([
  0x061c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069, 0x2028,
  0x2029,
]);
