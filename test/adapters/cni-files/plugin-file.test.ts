import { readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { installPlugin, removePlugin } from "../../../src/adapters/cni-files/plugin-file.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

async function source(content: string): Promise<string> {
  const file = join(temporaryDirectory(), "plugin");
  await writeFile(file, content);
  return file;
}

test("the plugin is installed executable, beside others, and left alone when it is the same", async () => {
  const binDir = join(temporaryDirectory(), "not", "there", "yet");
  expect(await installPlugin(await source("one"), binDir)).toBe(true);
  await writeFile(join(binDir, "bridge"), "another's");
  const before = await stat(join(binDir, "headcni"));
  expect(before.mode & 0o777).toBe(0o755);
  expect(await installPlugin(await source("one"), binDir)).toBe(false);
  expect((await stat(join(binDir, "headcni"))).ino).toBe(before.ino);
  expect(await readdir(binDir)).toEqual(["bridge", "headcni"]);
});

test("a new plugin takes the name of the old one without writing into it", async () => {
  const binDir = temporaryDirectory();
  await installPlugin(await source("one"), binDir);
  const before = await stat(join(binDir, "headcni"));
  expect(await installPlugin(await source("two"), binDir)).toBe(true);
  expect(await readFile(join(binDir, "headcni"), "utf8")).toBe("two");
  expect((await stat(join(binDir, "headcni"))).ino).not.toBe(before.ino);
  expect(await readdir(binDir)).toEqual(["headcni"]);
});

test("removal takes our file, not a link and not another's plugin", async () => {
  const binDir = temporaryDirectory();
  await writeFile(join(binDir, "bridge"), "another's");
  await installPlugin(await source("one"), binDir);
  await removePlugin(binDir);
  expect(await readdir(binDir)).toEqual(["bridge"]);
  await symlink(join(binDir, "bridge"), join(binDir, "headcni"));
  await removePlugin(binDir);
  expect(await readdir(binDir)).toEqual(["bridge", "headcni"]);
});

test("a missing source and a folder that cannot be made are named", async () => {
  const binDir = temporaryDirectory();
  await expect(installPlugin(join(binDir, "absent"), binDir)).rejects.toMatchObject({
    detail: { code: "NOT_INSTALLED", reason: "ENOENT" },
  });
  const file = await source("no folder");
  await expect(installPlugin(file, join(file, "bin"))).rejects.toMatchObject({
    detail: { code: "NOT_INSTALLED", reason: "ENOTDIR" },
  });
});
