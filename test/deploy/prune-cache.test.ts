import { readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { pruneCache } from "../../deploy/image/prune-cache.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const now = Date.parse("2026-01-01T12:00:00Z");
const minute = 60_000;

/** A cache folder whose files were last used so many minutes before `now`. */
async function cacheWith(files: Readonly<Record<string, number>>): Promise<string> {
  const folder = temporaryDirectory();
  for (const [name, minutes] of Object.entries(files)) {
    const usedAt = new Date(now - minutes * minute);
    await writeFile(join(folder, name), "");
    await utimes(join(folder, name), usedAt, usedAt);
  }
  return folder;
}

const archives = /^image-[0-9a-f]{12}\.tar$/;
const archive = (letter: string) => `image-${letter.repeat(12)}.tar`;

test("the three archives used last stay, older ones go", async () => {
  const folder = await cacheWith({
    [archive("a")]: 500,
    [archive("b")]: 100,
    [archive("c")]: 400,
    [archive("d")]: 200,
    [archive("e")]: 300,
  });
  await pruneCache(folder, archives, now);
  expect((await readdir(folder)).sort()).toEqual([archive("b"), archive("d"), archive("e")]);
});

test("an archive that was used within the hour stays, however many are newer", async () => {
  const files = { [archive("a")]: 1, [archive("b")]: 2, [archive("c")]: 3, [archive("d")]: 59 };
  const folder = await cacheWith({ ...files, [archive("e")]: 61 });
  await pruneCache(folder, archives, now);
  expect((await readdir(folder)).sort()).toEqual(Object.keys(files).sort());
});

test("other files of the cache are left alone", async () => {
  const others = { "image-base-aaaaaaaaaaaa.tar": 900, "images-aaaaaaaaaaaa.tar": 900, "build.lock": 900 };
  const kept = { [archive("a")]: 100, [archive("b")]: 200, [archive("c")]: 300 };
  const folder = await cacheWith({ ...others, ...kept });
  await pruneCache(folder, archives, now);
  expect((await readdir(folder)).sort()).toEqual(Object.keys({ ...others, ...kept }).sort());
});
