import { chmodSync, chownSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makePrivateFolders } from "../../../src/adapters/files/private-folder.ts";
import { runResult } from "../../lab/run-command.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const modeOf = (path: string) => statSync(path).mode & 0o7777;

test.each([0o755, 0o777, 0o750, 0o1777, 0o700, 0o500])(
  "a folder of mode %o becomes 0700, what is in it stays",
  async (mode) => {
    const folder = join(temporaryDirectory(), "run");
    mkdirSync(folder);
    writeFileSync(join(folder, "record"), "");
    chmodSync(folder, mode);
    await makePrivateFolders(folder);
    expect(modeOf(folder) & 0o777).toBe(0o700);
    expect(existsSync(join(folder, "record"))).toBe(true);
  },
);

test("folders that are missing are made, whatever the umask", async () => {
  const before = process.umask(0);
  const parent = temporaryDirectory();
  try {
    await makePrivateFolders(join(parent, "a", "run"), join(parent, "state"));
  } finally {
    process.umask(before);
  }
  expect([modeOf(join(parent, "a", "run")), modeOf(join(parent, "state"))]).toEqual([0o700, 0o700]);
});

test("another user cannot reach a socket in it that anybody may write to", async () => {
  const folder = temporaryDirectory();
  chmodSync(folder, 0o755);
  const file = join(folder, "tailscaled.sock");
  writeFileSync(file, "");
  chmodSync(file, 0o666);
  const asNobody = () =>
    runResult([
      "setpriv",
      "--reuid=65534",
      "--regid=65534",
      "--clear-groups",
      "--",
      "sh",
      "-c",
      `: <${file}`,
    ]);
  expect((await asNobody()).exitCode).toBe(0);
  await makePrivateFolders(folder);
  expect((await asNobody()).exitCode).not.toBe(0);
});

test("one that belongs to somebody else is left as it is, and the error says whose it is and what would be right", async () => {
  const folder = join(temporaryDirectory(), "theirs");
  mkdirSync(folder, { mode: 0o755 });
  chownSync(folder, 65_534, 65_534);
  await expect(makePrivateFolders(folder)).rejects.toMatchObject({
    message: `${folder} cannot be closed to other users: it belongs to user 65534; it must be a folder of HeadCNI's own that belongs to user 0`,
    detail: { code: "NOT_PRIVATE", path: folder, reason: "it belongs to user 65534" },
  });
  expect(modeOf(folder)).toBe(0o755);
});

test("what is no folder is refused", async () => {
  const file = join(temporaryDirectory(), "file");
  writeFileSync(file, "", { mode: 0o644 });
  await expect(makePrivateFolders(file)).rejects.toMatchObject({
    detail: { code: "NOT_PRIVATE", reason: "EEXIST" },
  });
  expect(modeOf(file)).toBe(0o644);
});

test("a link to a folder of ours leads to the folder", async () => {
  const parent = temporaryDirectory();
  mkdirSync(join(parent, "disk"), { mode: 0o755 });
  symlinkSync("disk", join(parent, "state"));
  await makePrivateFolders(join(parent, "state"));
  expect(modeOf(join(parent, "disk"))).toBe(0o700);
});
