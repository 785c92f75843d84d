import { type ChildProcess, spawn } from "node:child_process";
import { readFile, readlink } from "node:fs/promises";
import { onTestFinished } from "vitest";
import type { WireRecord } from "../../../src/ports/wire.ts";
import { until } from "../../support/until.ts";

/** A process in network (and pid) namespaces of its own that says which process it is to itself. */
export async function startInside(...namespaces: readonly string[]) {
  const said = "cut -d ' ' -f 22 /proc/$$/stat; echo $$; exec sleep 1000";
  const child = spawn("unshare", ["--net", ...namespaces, "sh", "-c", said], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => end(child));
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  await until(() => text.split("\n").length >= 3, "the process says who it is");
  const [startTime = "", inner = ""] = text.split("\n");
  const outer = namespaces.includes("--fork")
    ? (await readFile(`/proc/${child.pid}/task/${child.pid}/children`, "utf8")).trim()
    : String(child.pid);
  const link = await readlink(`/proc/${outer}/ns/net`);
  return { child, outer: Number(outer), inner: Number(inner), startTime, inode: /\d+/.exec(link)?.[0] ?? "" };
}

/** Ends such a process and waits for it. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}

/** What headcni-wire would write if it were that process. */
export const recordOf = (pid: number, startTime: string, netnsInode: string): WireRecord => ({
  version: 1,
  pid,
  startTime,
  netnsInode,
  tailscaled: null,
  socket: "/run/headcni/tailscaled.sock",
  startedAt: "2026-01-01T00:00:00.000Z",
});
