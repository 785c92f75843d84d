import { expect, test } from "vitest";
import { atLeast, logLine } from "../../src/cli/logs/log-text.ts";
import { createStyle } from "../../src/cli/output/style.ts";
import { createLogRing } from "../../src/observe/logs/log-ring.ts";
import { createLogger } from "../../src/observe/logs/logger.ts";

const style = createStyle(false);

test("a line shows its time, level, message and fields", () => {
  const entry = {
    level: "warn",
    time: "2026-01-02T03:04:05.678Z",
    node: "n1",
    machine: "guard",
    limitMs: 5,
    msg: "transition",
  };
  expect(logLine(entry, { style })).toBe("03:04:05.678 warn  transition machine=guard limitMs=5");
});

test("what is no line of the daemon is shown as it is", () => {
  expect(logLine({ msg: "2026/01/02 magicsock: disco" }, { style })).toBe("2026/01/02 magicsock: disco");
});

test.each([
  [{ level: "warn" }, "info", true],
  [{ level: "debug" }, "info", false],
  [{ level: "fatal" }, "error", true],
  [{ msg: "plain" }, "error", true],
])("%o is at least %s: %s", (entry, level, expected) => {
  expect(atLeast(entry, level)).toBe(expected);
});

test("the ring keeps the last 2000 lines, counts them all, and holds no secret", () => {
  const ring = createLogRing();
  const { log, hide } = createLogger({
    level: "info",
    base: {},
    destination: { write: () => undefined },
    copy: ring.keep,
  });
  hide("geheim-geheim");
  for (let count = 0; count < 2500; count++) log.info({ count }, "with geheim-geheim");
  const { first, entries } = ring.page();
  expect([first, entries.length]).toEqual([500, 2000]);
  expect(entries[0]).toMatchObject({ count: 500, msg: "with [redacted]" });
});
