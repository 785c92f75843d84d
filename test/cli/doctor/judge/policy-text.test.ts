import { expect, test } from "vitest";
import { parsePolicy } from "../../../../src/cli/doctor/judge/policy-text.ts";

test.each([
  ['{"a": 1, // a comment, with a comma\n}', { a: 1 }],
  ['{"a": ["x", /* no */ "y",\n ],}', { a: ["x", "y"] }],
  ['{"url": "http://a//b", "b": "/* kept */", "c": ",]"}', { url: "http://a//b", b: "/* kept */", c: ",]" }],
  ['{"quoted": "say \\"// no\\""}', { quoted: 'say "// no"' }],
  ["[]", undefined],
  ["{", undefined],
])("%s", (text, value) => {
  expect(parsePolicy(text)).toEqual(value);
});
