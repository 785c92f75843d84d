import { expect, test } from "vitest";
import { endWords, failedStep, leftLines, leftOf } from "../../src/domain/cleanup-report.ts";
import { HeadcniError, toFailure } from "../../src/domain/failure.ts";

const done = { step: "plugin", text: "removed" } as const;
const routes = failedStep("routes", new Error("no answer"));
const guard = failedStep("guard", new HeadcniError("nft says no", { code: "NFT" }));

test("a failed step keeps why", () => {
  expect(routes).toEqual({
    ...{ step: "routes", text: "no answer" },
    failure: { code: "UNEXPECTED", message: "no answer" },
  });
  expect(guard.failure).toEqual({ code: "NFT", message: "nft says no" });
  expect(toFailure("a word")).toEqual({ code: "UNEXPECTED", message: "a word" });
});

test("an error on purpose carries the name of its class", () => {
  class TableError extends HeadcniError<{ readonly code: "TABLE" }> {}
  expect(new TableError("no", { code: "TABLE" }).name).toBe("TableError");
});

test("only what failed is left", () => {
  expect(leftOf([done, routes, guard])).toEqual([routes, guard]);
});

test("each thing left is told with why and what to do, then what keeps the node's memory", () => {
  expect(leftLines([], ["/run/headcni"])).toEqual([]);
  const lines = leftLines([routes, guard], ["/run/headcni", "/var/lib/headcni"]);
  expect(lines.map((line) => line.split(":")[0])).toEqual([
    ...["LEFT", "  to do", "LEFT", "  to do", "incomplete"],
  ]);
  expect(lines[2]).toContain("nft says no");
  expect(lines.at(-1)).toContain("/run/headcni and /var/lib/headcni keep");
});

test("what only withdrew waits for headcni-wire to end where there is one", () => {
  expect(endWords(true, false)).toMatch(/^paused until headcni-wire has ended/);
  expect(endWords(true, true)).toBe("paused: --cleanup does the rest");
  expect([endWords(false, false), endWords(false, true)]).toEqual(["clean", "clean"]);
});
