import { spawn } from "node:child_process";
import { expect, onTestFinished, test } from "vitest";
import { endProcess, identify, isAlive, type ProcessIdentity, signalProcess } from "./processes.ts";

/** A process of its own that runs until it is ended; `script` is shell. */
function started(script: string): ProcessIdentity {
  const child = spawn("sh", ["-c", script], { stdio: "ignore" });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const identity = child.pid === undefined ? undefined : identify(child.pid);
  if (identity === undefined) throw new Error("sh did not start");
  return identity;
}

test("a process is ended and waited for", async () => {
  const identity = started("exec sleep 60");
  expect(isAlive(identity)).toBe(true);
  await endProcess(identity);
  expect(isAlive(identity)).toBe(false);
});

test("a process that ignores SIGTERM is ended with SIGKILL", async () => {
  const identity = started("trap '' TERM; while :; do sleep 0.1; done");
  await endProcess(identity, 300);
  expect(isAlive(identity)).toBe(false);
});

test("another process with the recorded pid gets no signal", async () => {
  const identity = started("exec sleep 60");
  const earlier = { ...identity, startTime: "1" };
  expect(isAlive(earlier)).toBe(false);
  expect(signalProcess(earlier, "SIGKILL")).toBe(false);
  await endProcess(earlier, 0);
  expect(isAlive(identity)).toBe(true);
});
