import fc from "fast-check";

/** What a terminal acts upon, tab and line feed apart: C0, DEL, C1, marks of direction, separators of lines and paragraphs. */
export function actsOnTerminal(text: string): boolean {
  return [...text].some((character) => {
    const code = character.codePointAt(0) ?? 0;
    if (character === "\n" || character === "\t") return false;
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) || turningOrEnding.has(code);
  });
}

/** Unicode 16, PropList.txt: Bidi_Control, and the categories Zl and Zp. */
const turningOrEnding: ReadonlySet<number> = new Set([
  0x061c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069, 0x2028,
  0x2029,
]);

/** Clears the screen, sets the title, writes the clipboard, the same by C1, reverses what follows, ends the line. */
export const hostile =
  "a\u001b[2J\u001b]0;t\u0007\u001b]52;c;eA==\u001b\\\u009b31m\u202efdp\u2028\u007f\u0000\r\n\tz";

/** Texts that are full of such characters, and any others. */
export const foreignText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({
    unit: fc.oneof(
      fc.integer({ min: 0, max: 0x9f }).map((code) => String.fromCharCode(code)),
      fc.constantFrom(...turningOrEnding).map((code) => String.fromCodePoint(code)),
      fc.constantFrom('"', "\\", "u001b", "[31m", "🜁"),
    ),
    maxLength: 40,
  }),
  fc.constant(hostile),
);
