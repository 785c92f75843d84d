import { type ChildProcess, spawn } from "node:child_process";
import { readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findWire } from "../../../src/adapters/wire/find-wire.ts";
import { writeWireRecord } from "../../../src/adapters/wire/wire-record.ts";
import type { WireRecord } from "../../../src/ports/wire.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";

/** A process in network (and pid) namespaces of its own that says which process it is to itself. */
async function startInside(...namespaces: readonly string[]) {
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

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}

const recordOf = (pid: number, startTime: string, netnsInode: string): WireRecord => ({
  version: 1,
  pid,
  startTime,
  netnsInode,
  tailscaled: null,
  socket: "/run/headcni/tailscaled.sock",
  startedAt: "2026-01-01T00:00:00.000Z",
});

test("a launcher is found by the pid it has", async () => {
  const file = join(temporaryDirectory(), "wire.json");
  const { outer, inner, startTime, inode } = await startInside();
  expect(inner).toBe(outer);
  await writeWireRecord(file, recordOf(inner, startTime, inode));
  expect(await findWire(file)).toMatchObject({ launcher: { pid: outer, startTime }, netnsInode: inode });
});

test("a launcher in a pid namespace of its own is found by the pid it has outside", async () => {
  const file = join(temporaryDirectory(), "wire.json");
  const { outer, inner, startTime, inode } = await startInside(
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
  );
  expect(inner).toBe(1);
  const tailscaled = { pid: inner, startTime };
  await writeWireRecord(file, { ...recordOf(inner, startTime, inode), tailscaled });
  expect(await findWire(file)).toMatchObject({
    launcher: { pid: outer },
    tailscaled: { pid: outer, startTime },
  });
});

test("a record whose process ended, or is another one, or stands elsewhere, is not believed", async () => {
  const file = join(temporaryDirectory(), "wire.json");
  const gone = { detail: { code: "WIRE_GONE" } };
  const { child, inner, startTime, inode } = await startInside();
  await writeWireRecord(file, recordOf(inner, String(Number(startTime) + 1), inode));
  await expect(findWire(file)).rejects.toMatchObject(gone);
  await writeWireRecord(file, recordOf(inner + 1_000_000, startTime, inode));
  await expect(findWire(file)).rejects.toMatchObject(gone);
  await writeWireRecord(file, recordOf(inner, startTime, String(Number(inode) + 1)));
  await expect(findWire(file)).rejects.toMatchObject(gone);
  await writeWireRecord(file, recordOf(inner, startTime, inode));
  await end(child);
  await expect(findWire(file)).rejects.toMatchObject(gone);
});

test("no record and a broken one are told apart", async () => {
  const file = join(temporaryDirectory(), "wire.json");
  await expect(findWire(file)).rejects.toMatchObject({ detail: { code: "WIRE_MISSING" } });
  await writeFile(file, '{"version":2}');
  await expect(findWire(file)).rejects.toMatchObject({ detail: { code: "WIRE_UNREADABLE" } });
});
