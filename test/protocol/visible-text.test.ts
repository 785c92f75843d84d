import fc from "fast-check";
import { expect, test } from "vitest";
import { visible, visibleLine } from "../../src/protocol/visible-text.ts";
import { actsOnTerminal } from "../support/acts-on-terminal.ts";
import { foreignText, hostile } from "../support/foreign-text.ts";

test("control characters are written out as JSON writes them, blanks and line ends stay", () => {
  expect(visible("n1\u001b[2J\u009b\u202e\u007f\r\n\tz")).toBe(
    "n1\\u001b[2J\\u009b\\u202e\\u007f\\u000d\n\tz",
  );
  expect(visibleLine("a\n\tb\u0000")).toBe("a\\u000a\\u0009b\\u0000");
});

test("nothing that a terminal acts upon is left of any text", () => {
  fc.assert(
    fc.property(foreignText, (text) => {
      expect(actsOnTerminal(visible(text))).toBe(false);
      expect(visibleLine(text)).not.toMatch(/[\n\t]/);
      expect(actsOnTerminal(visibleLine(text))).toBe(false);
      expect(visible(visible(text))).toBe(visible(text));
    }),
  );
});

test("every code unit that a terminal acts upon is written out, and no other", () => {
  for (let code = 0; code <= 0xffff; code += 1) {
    const character = String.fromCharCode(code);
    expect(visible(character) !== character, code.toString(16)).toBe(actsOnTerminal(character));
  }
});

test("JSON means the same", () => {
  fc.assert(
    fc.property(fc.dictionary(foreignText, foreignText), (value) => {
      const text = visible(JSON.stringify(value));
      expect(JSON.parse(text)).toEqual(value);
      expect(actsOnTerminal(text)).toBe(false);
    }),
  );
  expect(actsOnTerminal(hostile)).toBe(true);
});
