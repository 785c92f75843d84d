import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findWire } from "../../../src/adapters/wire/find-wire.ts";
import { writeWireRecord } from "../../../src/adapters/wire/wire-record.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { end, recordOf, startInside } from "./inside.ts";

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
