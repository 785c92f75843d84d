import { expect, test } from "vitest";
import { scopeOfChange, widerScope } from "../../../src/domain/guard/guard-changes.ts";
import type { KernelChange } from "../../../src/domain/kernel/kernel-state.ts";

const change = (what: KernelChange["what"], subject: string, removed = false): KernelChange => ({
  namespace: "node",
  what,
  subject,
  removed,
});

test.each([
  { seen: change("nftables", "nft"), scope: "all" },
  { seen: change("overrun", ""), scope: "all" },
  { seen: change("sysctl", "all"), scope: "kernel" },
  { seen: change("rule", "5180", true), scope: "kernel" },
  { seen: change("address", "10.244.1.1/32 on link 3", true), scope: "kernel" },
  { seen: change("link", "headcni0"), scope: "kernel" },
  { seen: { ...change("link", "eth0"), namespace: "tailnet" as const }, scope: "kernel" },
  { seen: change("link", "17", true), scope: "kernel" },
  { seen: change("link", "hc3fk2", true), scope: undefined },
  { seen: change("link", "eth0"), scope: undefined },
  { seen: change("route", "10.244.1.7/32 in table 254", true), scope: "kernel" },
  { seen: change("route", "10.244.1.7/32 in table 254"), scope: undefined },
  { seen: change("route", "fd00::7/128 in table 254"), scope: undefined },
  { seen: change("route", "0.0.0.0/0 in table 18499"), scope: "kernel" },
])("$seen.what $seen.subject (removed: $seen.removed) asks for a look at $scope", ({ seen, scope }) => {
  expect(scopeOfChange(seen)).toBe(scope);
});

test("of two scopes the wider counts", () => {
  expect(widerScope("kernel", "all")).toBe("all");
  expect(widerScope("all", "kernel")).toBe("all");
  expect(widerScope("kernel", "kernel")).toBe("kernel");
  expect(widerScope(null, "kernel")).toBe("kernel");
});
