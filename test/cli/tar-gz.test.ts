import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tarGz } from "../../src/cli/diagnostics/tar-gz.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

test("tar unpacks every file with its content, long paths and odd lengths included", async () => {
  const folder = temporaryDirectory();
  const files = [0, 1, 511, 512, 513, 5000].map((length) => ({
    path: `bundle/${"deep/".repeat(length > 512 ? 20 : 1)}${"n".repeat(40)}-${length}.txt`,
    text: "ä".repeat(length),
  }));
  writeFileSync(join(folder, "a.tar.gz"), await tarGz(files, new Date(2026, 0, 2)));
  execFileSync("tar", ["xzf", "a.tar.gz"], { cwd: folder });
  for (const { path, text } of files) expect(readFileSync(join(folder, path), "utf8")).toBe(text);
});
