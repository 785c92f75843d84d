import { expect, test } from "vitest";
import { exhausted, toCniFailure } from "../../../src/domain/attachment/cni-failure.ts";

test.each([
  ["NETNS_MISSING", 4],
  ["NETNS_INVALID", 4],
  ["IFNAME_TAKEN", 4],
  ["KERNEL_REFUSED", 5],
  ["ADDRESS_TAKEN", 11],
  ["CLOSED", 11],
  ["TIMEOUT", 11],
  ["UNEXPECTED", 999],
])("%s becomes CNI code %i and keeps its words", (code, cniCode) => {
  const failure = toCniFailure({ code, message: "the reason" }, "attaching c1/eth0");
  expect(failure).toMatchObject({ code: cniCode, msg: "attaching c1/eth0: the reason" });
  expect(failure.details).toMatch(/\w/);
});

test("exhaustion is code 11 with the numbers", () => {
  const failure = exhausted({ prefix: "10.244.1.0/24", size: 253, used: 250, resting: 3 });
  expect(failure.code).toBe(11);
  expect(failure.msg).toBe("no address left in 10.244.1.0/24: 250 of 253 in use, 3 resting");
});
