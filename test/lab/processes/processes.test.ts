import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { addNetns, removeNetns } from "../network/netns.ts";
import {
  endProcess,
  identify,
  isAlive,
  listProcesses,
  type ProcessIdentity,
  signalProcess,
  startProcess,
} from "./processes.ts";

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

test("a process that is started under the name of another takes its place", async () => {
  const folder = await mkdtemp(join(tmpdir(), "headcni-test-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const netns = `hc-processes-${process.pid}`;
  await addNetns(netns);
  onTestFinished(() => removeNetns(netns));
  const start = {
    name: "server",
    netns,
    command: ["sleep", "60"],
    env: {},
    logFile: join(folder, "log"),
  } as const;
  const first = await startProcess(folder, start);
  const second = await startProcess(folder, start);
  onTestFinished(() => endProcess(second));
  expect(isAlive(first)).toBe(false);
  expect(await listProcesses(folder)).toEqual([second]);
});
