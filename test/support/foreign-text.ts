import fc from "fast-check";
import { turningOrEnding } from "./acts-on-terminal.ts";

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
