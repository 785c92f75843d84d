import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeWhole } from "../../../src/adapters/files/write-whole.ts";
import { createHintFile } from "../../../src/adapters/state-files/hint-file.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

/** A file system of four pages. */
let small: string;
beforeEach(() => {
  small = temporaryDirectory();
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=16k", "tmpfs", small]);
});
afterEach(() => {
  execFileSync("umount", [small]);
});

const tooMuch = "x".repeat(20_000);

test.each([true, false])(
  "on a full disk the old file stays, and nothing else (synced: %s)",
  async (synced) => {
    const path = join(small, "record");
    await writeWhole(path, "old", { synced });
    await expect(writeWhole(path, tooMuch, { synced })).rejects.toMatchObject({
      message: `${path} was not written: ENOSPC`,
      detail: { code: "NOT_WRITTEN", path, reason: "ENOSPC" },
    });
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(small)).toEqual(["record"]);
  },
);

test("hints that a full disk does not take are told once, until they are taken again", async () => {
  const told: string[] = [];
  const path = join(small, "hints.json");
  const file = createHintFile(path, (error) => told.push(error.message));
  const many = [
    {
      prefix: "10.244.0.0/16",
      cursor: 7,
      resting: Array.from({ length: 1000 }, (_, offset) => ({ offset, sinceMs: 1_700_000_000_000 })),
    },
  ];
  await file.write(many);
  await file.write(many);
  await file.write([]);
  await file.write(many);
  expect(told).toEqual([`${path} was not written: ENOSPC`, `${path} was not written: ENOSPC`]);
});
