import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { installBootUnit, removeBootUnit } from "../../../src/programs/boot-unit/boot-unit.ts";
import { ensurePackages } from "../../lab/build/debian-packages.ts";
import { stderrProgress } from "../../lab/progress.ts";
import { runResult } from "../../lab/run-command.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const unit = "headcni-guard.service";
const link = "multi-user.target.wants/headcni-guard.service";

beforeAll(() => ensurePackages(stderrProgress(), { "systemd-analyze": "systemd" }), 300_000);

/** A node that systemd runs, and an image with the daemon, its library, a mounted file and what nobody needs at boot. */
async function nodeWithImage({ init = "systemd" } = {}) {
  const root = temporaryDirectory();
  const places = { image: join(root, "image"), units: join(root, "units"), proc: join(root, "proc") };
  const put = async (path: string, text: string) => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  };
  await put("image/usr/local/bin/headcni", "#!/bin/sh\n");
  await chmod(join(root, "image/usr/local/bin/headcni"), 0o755);
  await put("image/usr/lib/libc.so.6", "c");
  await symlink("usr/lib", join(root, "image/lib"));
  await put("image/opt/headcni/headcni.mjs", "1");
  await put("image/etc/hosts", "the container's own");
  await put("image/usr/local/bin/tailscaled", "large");
  await put("image/home/somebody", "");
  await put("proc/1/comm", `${init}\n`);
  await put("proc/self/mountinfo", "1 0 0:1 / / rw - overlay o rw\n2 1 8:1 /h /etc/hosts rw - ext4 d rw\n");
  await put("config.yaml", "network: {}\n");
  await mkdir(places.units, { recursive: true });
  const options = {
    configFile: join(root, "config.yaml"),
    nodeName: "n1",
    runtimeDir: "/run/headcni",
    stateDir: join(root, "state"),
  };
  const boot = join(options.stateDir, "boot");
  const copy = async () => {
    const names = await readdir(boot);
    expect(names).toHaveLength(1);
    return join(boot, names[0] ?? "");
  };
  return { root, places, options, boot, copy, put };
}

test("a node gets a copy of the programs, and a unit that runs them in it before tailscaled", async () => {
  const { places, options, boot, copy } = await nodeWithImage();
  expect(await installBootUnit(options, places)).toBe(`${unit} installed`);
  const root = await copy();
  expect(await readlink(join(root, "lib"))).toBe("usr/lib");
  expect((await stat(join(root, "usr/local/bin/headcni"))).mode & 0o777).toBe(0o755);
  expect(await readFile(join(root, "etc/headcni/config.yaml"), "utf8")).toBe("network: {}\n");
  for (const path of ["proc", "run", options.stateDir]) await stat(join(root, path));
  expect((await stat(boot)).mode & 0o777).toBe(0o700);

  const text = await readFile(join(places.units, unit), "utf8");
  expect(text).toContain(`RootDirectory=${root}\n`);
  expect(text).toContain(`BindPaths=${options.stateDir}\n`);
  expect(text).toContain("Environment=HEADCNI_NODE_NAME=n1\n");
  expect(text).toContain("ConditionPathExists=!/run/headcni/cni.sock\n");
  expect(text).toMatch(/^ExecStart=\/usr\/local\/bin\/headcni .* --guard$/m);
  expect(text).toMatch(/^Before=.* tailscaled\.service /m);
  expect(await readlink(join(places.units, link))).toBe(`/etc/systemd/system/${unit}`);
  // It looks for the program in its own root.
  const elsewhere = join(places.units, "verified.service");
  await writeFile(elsewhere, text.replace("=/usr/local/bin/headcni ", `=${process.execPath} `));
  const verified = await runResult(["systemd-analyze", "verify", "--man=no", elsewhere]);
  expect(verified).toMatchObject({ exitCode: 0, stderr: "" });
});

test("what is mounted into the container, and what the boot does not need, is not copied", async () => {
  const { places, options, copy } = await nodeWithImage();
  await installBootUnit(options, places);
  const root = await copy();
  for (const path of ["etc/hosts", "usr/local/bin/tailscaled", "home"])
    await expect(lstat(join(root, path)), path).rejects.toThrow("ENOENT");
});

test("the same image is copied once, and another one replaces it", async () => {
  const { root, places, options, copy, put } = await nodeWithImage();
  // Of the same size and time: images are often built with all times alike.
  const bundle = async (text: string) => {
    await put("image/opt/headcni/headcni.mjs", text);
    await utimes(join(root, "image/opt/headcni/headcni.mjs"), 0, 0);
  };
  await bundle("1");
  await installBootUnit(options, places);
  const first = await copy();
  await writeFile(join(first, "mark"), "");
  expect(await installBootUnit(options, places)).toBe(`${unit} is up to date`);
  expect(await copy()).toBe(first);
  await stat(join(first, "mark"));
  await bundle("2");
  expect(await installBootUnit(options, places)).toBe(`${unit} installed`);
  expect(await copy()).not.toBe(first);
  expect(await readFile(join(await copy(), "opt/headcni/headcni.mjs"), "utf8")).toBe("2");
});

test("a copy that was not finished is not taken for one", async () => {
  const { places, options, boot, copy } = await nodeWithImage();
  await installBootUnit(options, places);
  const name = (await copy()).slice(boot.length + 1);
  await mkdir(join(boot, "other.new"));
  await mkdir(join(boot, `${name}.new`));
  await installBootUnit(options, places);
  expect(await copy()).toBe(join(boot, name));
});

test("a configuration that changed is the one of the next boot", async () => {
  const { places, options, copy, put } = await nodeWithImage();
  await installBootUnit(options, places);
  await put("config.yaml", "network: {podCIDR: 10.244.0.0/16}\n");
  await installBootUnit(options, places);
  expect(await readFile(join(await copy(), "etc/headcni/config.yaml"), "utf8")).toContain("10.244.0.0/16");
});

test("a node without systemd gets nothing, and says why", async () => {
  const { places, options, boot } = await nodeWithImage({ init: "openrc-init" });
  expect(await installBootUnit(options, places)).toContain("openrc-init runs this node, not systemd");
  expect(await readdir(places.units)).toEqual([]);
  await expect(lstat(boot)).rejects.toThrow("ENOENT");
});

test("removed, nothing of the unit is left, and again is fine", async () => {
  const { places, options } = await nodeWithImage();
  await installBootUnit(options, places);
  await removeBootUnit(places.units);
  expect(await readdir(places.units, { recursive: true })).toEqual(["multi-user.target.wants"]);
  await removeBootUnit(places.units);
});
