import { describe, expect, it } from "vitest";
import {
  type JoinKeyRecord,
  joinKeyLifeMs,
  judgeJoinKey,
  ownIdsAfter,
  shownPart,
} from "../../../src/domain/approval/join-key.ts";

const now = 1_000_000_000;
const key = `hskey-auth-abcdefghijkl-${"x".repeat(64)}`;
const record: JoinKeyRecord = {
  id: "3",
  shown: "hskey-auth-abcdefghijkl",
  expiresAtMs: now + joinKeyLifeMs,
  ownIds: ["1", "3"],
};
const listed = [{ id: "3", expiresAtMs: now + joinKeyLifeMs }];

describe("the key by which nodes join", () => {
  it("stays while it has more than half of its life left", () => {
    expect(judgeJoinKey(key, record, listed, now)).toEqual({ due: false });
  });

  it.each([
    ["there is none", "", record, listed, "none"],
    ["nobody noted it", key, null, listed, "replaced"],
    ["somebody put another one there", key.replace("abc", "cba"), record, listed, "replaced"],
    [
      "half of its life is over",
      key,
      record,
      [{ id: "3", expiresAtMs: now + joinKeyLifeMs / 2 }],
      "expiring",
    ],
    ["Headscale does not have it", key, record, [], "withdrawn"],
    ["somebody expired it", key, record, [{ id: "3", expiresAtMs: now }], "withdrawn"],
  ] as const)("is made anew when %s", (_, stored, noted, keys, why) => {
    expect(judgeJoinKey(stored, noted, keys, now)).toEqual({ due: true, why });
  });

  it("shows only what Headscale's lists show", () => {
    expect(shownPart(key)).toBe("hskey-auth-abcdefghijkl");
    expect(shownPart("hskey-auth-ab-_efghijkl-secret")).toBe("hskey-auth-ab-_efghijkl");
    expect(shownPart("0123456789abcdef".repeat(3))).toBe("0123456789ab");
  });

  it("is noted with the earlier ones that Headscale still has", () => {
    expect(ownIdsAfter(record, listed, "9")).toEqual(["3", "9"]);
    expect(ownIdsAfter(null, listed, "9")).toEqual(["9"]);
  });
});
