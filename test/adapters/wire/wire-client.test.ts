import { readlink } from "node:fs/promises";
import { expect, test } from "vitest";
import { createWireClient } from "../../../src/adapters/wire/wire-client.ts";
import { wireRecordPath, writeWireRecord } from "../../../src/adapters/wire/wire-record.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { recordOf, startInside } from "./inside.ts";

/** A kernel port that remembers what it was asked to open. */
function recordingKernel() {
  const opened: unknown[] = [];
  return {
    opened,
    openNamespace: async (...call: unknown[]) => void opened.push(call),
  };
}

test("a tailscaled counts as attended once a daemon entered its namespace, and the next one not", async () => {
  const folder = temporaryDirectory();
  const { inner, startTime, inode } = await startInside();
  const tailscaled = { pid: inner, startTime };
  await writeWireRecord(wireRecordPath(folder), { ...recordOf(inner, startTime, inode), tailscaled });
  const kernel = recordingKernel();
  const wire = createWireClient(kernel, folder);
  expect(await wire.find()).toEqual({ ...tailscaled, attended: false });
  expect(await wire.enter()).toBe(`${inner} ${startTime}`);
  expect(kernel.opened).toEqual([["tailnet", `/proc/${inner}/ns/net`, inode]]);
  expect(await readlink(wire.path())).toBe(`net:[${inode}]`);
  expect(await createWireClient(kernel, folder).find()).toEqual({ ...tailscaled, attended: true });
  const next = await startInside();
  const started = { pid: next.inner, startTime: next.startTime };
  const record = recordOf(next.inner, next.startTime, next.inode);
  await writeWireRecord(wireRecordPath(folder), { ...record, tailscaled: started });
  expect(await wire.find()).toEqual({ ...started, attended: false });
});

test("without tailscaled the daemon is told that, and finds no process", async () => {
  const folder = temporaryDirectory();
  const { inner, startTime, inode } = await startInside();
  await writeWireRecord(wireRecordPath(folder), recordOf(inner, startTime, inode));
  const wire = createWireClient(recordingKernel(), folder);
  await expect(wire.find()).rejects.toMatchObject({ detail: { code: "TAILSCALED_AWAY" } });
  expect(await wire.running()).toBeUndefined();
});
