import { expect, test } from "vitest";
import { contentNames } from "../../../src/domain/policy/policy-sets.ts";
import { stableHash } from "../../../src/domain/stable-hash.ts";

test("a name is the same for the same content, in every table", () => {
  const one = contentNames().nameFor("pods4", ["a"]);
  expect(one).toBe(`pods4_${stableHash('["a"]')}`);
  expect(contentNames().nameFor("pods4", ["a"])).toBe(one);
  expect(contentNames().nameFor("pods4", ["b"])).not.toBe(one);
});

test("two contents of one hash have two names: whoever makes them so on purpose shares no set", () => {
  const names = contentNames((text) => (text.endsWith("/1") ? "next" : "same"));
  expect([
    names.nameFor("s", ["a"]),
    names.nameFor("s", ["b"]),
    names.nameFor("s", ["a"]),
    names.nameFor("s", ["b"]),
  ]).toEqual(["s_same", "s_next", "s_same", "s_next"]);
});
