import { expect, test } from "vitest";
import {
  type Checkout,
  checkRelease,
  checkRepository,
  readCheckout,
} from "../../../deploy/release/check-release.ts";
import { root } from "../../bootstrap/checks.ts";

const changelog =
  "# Changelog\n\n## Unreleased\n\n## 0.2.0 - 2026-12-03\n\n- New: a thing.\n\n## [0.1.0]\n\n- Old.\n";
const checkout = (more: Partial<Checkout> = {}): Checkout => ({
  versions: { "package.json": "0.2.0" },
  changelog,
  changes: "",
  ...more,
});

test("a clean checkout of this version gives the changelog's section", () => {
  expect(checkRelease("0.2.0", checkout())).toBe("- New: a thing.\n");
  const old = checkout({ versions: { "package.json": "0.1.0" } });
  expect(checkRelease("0.1.0", old)).toBe("- Old.\n");
});

test.each(["0.2", "v0.2.0", "0.02.0", "0.2.0+build", "", "latest", "0.2.0-"])(
  "%s is no version",
  (version) => {
    expect(() => checkRelease(version, checkout())).toThrow(`"${version}" is no version; give three numbers`);
  },
);

test.each(["0.2.0-rc.1", "10.20.30", "1.0.0-alpha"])("%s is a version", (version) => {
  expect(() => checkRelease(version, checkout())).toThrow("package.json says 0.2.0");
});

test("a file that says another version is named", () => {
  const versions = { "package.json": "0.2.0", "Chart.yaml": "0.1.0" };
  expect(() => checkRelease("0.2.0", checkout({ versions }))).toThrow("Chart.yaml says 0.1.0, not 0.2.0");
});

test("a version without a section, or with an empty one, is refused", () => {
  const none = checkout({ changelog: "## Unreleased\n\n- x\n\n## 0.2.01\n\n- y\n" });
  expect(() => checkRelease("0.2.0", none)).toThrow("CHANGELOG.md has no section for 0.2.0");
  const empty = checkout({ changelog: "## 0.2.0\n\n## 0.1.0\n\n- x\n" });
  expect(() => checkRelease("0.2.0", empty)).toThrow("says nothing about 0.2.0");
});

test("a checkout that is not clean is refused, with what is not committed", () => {
  const dirty = checkout({ changes: " M README.md\n?? notes\n" });
  expect(() => checkRelease("0.2.0", dirty)).toThrow(
    "the checkout is not clean; commit or remove these first:\n M README.md\n?? notes",
  );
});

test.each([
  "headcni",
  "registry.example.org/headcni:1",
  "registry.example.org/headcni@sha256:1",
  "a/Upper",
  "a b/c",
  "",
])('nothing can be pulled from "%s"', (repository) => {
  expect(() => checkRepository(repository)).toThrow(
    `"${repository}" is no repository; give registry and name`,
  );
});

test.each(["localhost/headcni/headcni", "registry.example.org:5000/a/head-cni_2"])(
  "%s is a repository",
  (repository) => {
    checkRepository(repository);
  },
);

test("all files of this repository say one version", async () => {
  const { versions } = await readCheckout(root);
  expect(new Set(Object.values(versions)).size).toBe(1);
  expect(Object.values(versions)[0]).toMatch(/^\d+\.\d+\.\d+/);
});
