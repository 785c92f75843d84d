import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { LabError } from "../../test/lab/lab-error.ts";
import { run } from "../../test/lab/run-command.ts";

/** What decides whether a version can be released from a checkout. */
export interface Checkout {
  /** Versions by the file that says them. */
  readonly versions: Readonly<Record<string, string>>;
  readonly changelog: string;
  /** `git status --porcelain`. */
  readonly changes: string;
}

/** Semantic versioning 2.0.0, without build metadata: `+` cannot stand in an image's tag. */
const semanticVersion =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*)?$/;

/**
 * The section of the changelog for this version, which is all right to release. Throws LabError BAD_OPTION that says what is wrong and
 * what would be right.
 */
export function checkRelease(version: string, { versions, changelog, changes }: Checkout): string {
  if (!semanticVersion.test(version))
    refuse(`"${version}" is no version; give three numbers as in 0.2.0, or 0.2.0-rc.1 before a release`);
  for (const [file, found] of Object.entries(versions))
    if (found !== version)
      refuse(`${file} says ${found}, not ${version}; set it there (docs/releasing.md) and commit`);
  const section = sectionOf(changelog, version);
  if (section === undefined)
    refuse(
      `CHANGELOG.md has no section for ${version}; name the section Unreleased "## ${version} - YYYY-MM-DD"`,
    );
  if (section.trim() === "")
    refuse(`CHANGELOG.md says nothing about ${version}; write what changed for users`);
  if (changes !== "")
    refuse(`the checkout is not clean; commit or remove these first:\n${changes.trimEnd()}`);
  return section;
}

/** A repository as the image specification of OCI's distribution names it, with a registry and without tag or digest. */
const repositoryName = /^[A-Za-z0-9.-]+(:\d+)?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)+$/;

/** Throws LabError BAD_OPTION for what no image can be pulled from, such as a name with a tag. */
export function checkRepository(repository: string): void {
  if (!repositoryName.test(repository))
    refuse(
      `"${repository}" is no repository; give registry and name without tag, as in registry.example.org/headcni`,
    );
}

function refuse(reason: string): never {
  throw new LabError("BAD_OPTION", `no release: ${reason}`);
}

/** What stands between the heading of a version (`## 0.1.0 - 2026-12-03`, `## [0.1.0]`) and the next one. */
function sectionOf(changelog: string, version: string): string | undefined {
  const sections = changelog.split(/^## /m).slice(1);
  const found = sections.find((section) => /^\[?([^\s\]]+)/.exec(section)?.[1] === version);
  return found
    ?.slice(found.indexOf("\n") + 1)
    .trim()
    .concat("\n");
}

/** Reads a checkout as it is. */
export async function readCheckout(root: string): Promise<Checkout> {
  const text = async (file: string) => await readFile(join(root, file), "utf8");
  const versionIn = async (file: string, pattern: RegExp) => pattern.exec(await text(file))?.[1] ?? "nothing";
  const files: Readonly<Record<string, RegExp>> = {
    "package.json": /^ {2}"version": "(.*)"/m,
    "package-lock.json": /^ {2}"version": "(.*)"/m,
    "src/protocol/version.ts": /version = "(.*)"/,
    "deploy/chart/headcni/Chart.yaml": /^version: (.*)$/m,
    "appVersion in deploy/chart/headcni/Chart.yaml": /^appVersion: (.*)$/m,
  };
  const versions: Record<string, string> = {};
  for (const [name, pattern] of Object.entries(files))
    versions[name] = await versionIn(name.split(" ").at(-1) ?? name, pattern);
  return {
    versions,
    changelog: await text("CHANGELOG.md"),
    changes: await run(["git", "-C", root, "status", "--porcelain"]),
  };
}
