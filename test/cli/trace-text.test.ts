import { expect, test } from "vitest";
import { createStyle, visibleLength } from "../../src/cli/output/style.ts";
import { isAbout, nearestCall } from "../../src/cli/trace/match-call.ts";
import { callsTable, callText } from "../../src/cli/trace/trace-text.ts";
import type { CallTrace } from "../../src/observe/trace/call-trace.ts";

const failed: CallTrace = {
  id: "x1",
  command: "ADD",
  containerId: "3f2a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c3d2e1f0a",
  ifname: "eth0",
  netns: "/var/run/netns/cni-1f0a",
  pod: { namespace: "shop", name: "cart-7d4f9", uid: "0c9d8e7f-6a5b" },
  traceparent: "",
  startedAt: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  ms: 6.5,
  outcome: "failed",
  error: { code: 11, msg: "the kernel refused route.add", details: "EEXIST: somebody else has it" },
  addresses: [],
  steps: [
    { kind: "transition", atMs: 0.1, machine: "request", from: "", to: "asking", event: "xstate.init" },
    { kind: "wait", atMs: 0.2, ms: 1.5, why: "behind the DEL of the same attachment" },
    {
      kind: "operation",
      atMs: 2,
      ms: 4,
      name: "attach",
      failure: { code: "KERNEL_REFUSED", message: "route.add: EEXIST" },
      parts: [{ name: "open the namespace", ms: 1 }],
    },
  ],
  dropped: 2,
};
const paper = { style: createStyle(false), width: 100 };

test("a failed call shows what it waited for, where it failed, and what the caller was told", () => {
  expect(callText(failed, paper)).toBe(
    [
      "ADD shop/cart-7d4f9  03:04:05.678  failed after 6.5 ms",
      "  container 3f2a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c3d2e1f0a, eth0,",
      "  /var/run/netns/cni-1f0a",
      "  code 11: the kernel refused route.add. EEXIST: somebody else has it",
      "  AT    TOOK  WHO      WHAT",
      "  0.10        request  begins in asking",
      "  0.20  1.50  waits    behind the DEL of the same attachment",
      "  2.00  4.00  kernel   attach: route.add: EEXIST",
      "        3.00           to the worker and back",
      "        1.00           open the namespace",
      "  6.50        answer   failed after 6.5 ms",
      "  and 2 steps more",
    ].join("\n"),
  );
});

test("a list of calls fits 100 columns", () => {
  const table = callsTable([failed, { ...failed, outcome: "ok", error: null }], paper);
  for (const line of table.split("\n")) expect(visibleLength(line)).toBeLessThanOrEqual(100);
  expect(table).toContain("code 11: the kernel refused");
});

test.each([
  ["shop/cart-7d4f9", true],
  ["cart-7d4f9", true],
  ["0c9d8e7f-6a5b", true],
  ["3f2a9b8c", true],
  ["3f2", false],
  ["other/cart-7d4f9", false],
  ["10.244.1.7", false],
])("a call is found by %s: %s", (wanted, expected) => {
  expect(isAbout(failed, wanted)).toBe(expected);
});

test("an address finds the ADD that gave it, with or without its length", () => {
  const added = { ...failed, addresses: ["10.244.1.7/32"] };
  expect([isAbout(added, "10.244.1.7"), isAbout(added, "10.244.1.7/32")]).toEqual([true, true]);
});

test("a misspelled pod finds its neighbour", () => {
  expect(nearestCall([failed], "shop/card-7d4f9")).toBe("shop/cart-7d4f9");
});
