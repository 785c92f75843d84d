import { readdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { buildStub } from "../../cni/build.ts";
import { cacheFolder } from "../lab/build/go-tools.ts";
import { run } from "../lab/run-command.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const build = join(import.meta.dirname, "../../cni/build.ts");

// QuickJS is in the cache folder then.
beforeAll(async () => {
  await buildStub();
}, 300_000);

/** The plugin as a build with a cache folder and an environment of its own makes it; QuickJS comes from the usual cache folder. */
async function buildAnew(cacheHome: string): Promise<Buffer> {
  const cache = join(cacheHome, "headcni");
  await run(["mkdir", "-p", cache]);
  for (const name of await readdir(cacheFolder()))
    if (/^quickjs-.*-musl-[a-z0-9]+$/.test(name)) await symlink(join(cacheFolder(), name), join(cache, name));
  const env = { XDG_CACHE_HOME: cacheHome, HEADCNI_OTHER: "x".repeat(cacheHome.length) };
  return await readFile((await run([process.execPath, build], { env })).trim());
}

it("two builds in different folders give the same bytes", { timeout: 120_000 }, async () => {
  const one = await buildAnew(join(temporaryDirectory(), "one"));
  const other = await buildAnew(join(temporaryDirectory(), "a-longer-name-of-a-folder"));
  expect(one.length).toBeGreaterThan(100_000);
  expect(one.equals(other)).toBe(true);
});
