import { access, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import type { Architecture } from "./architecture.ts";

const archiveKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
const publicMirror = "http://deb.debian.org/debian";

/** What to download: packages of one architecture, alone or with all that they depend on, or the source of one. */
export interface DebianDownload {
  readonly suite: string;
  readonly architecture: Architecture;
  readonly packages?: readonly string[];
  readonly dependencies?: boolean;
  readonly source?: string;
}

/**
 * Downloads through apt, which checks Debian's signature, into the empty folder `work`, without touching the machine's own apt state.
 * Returns the paths of what came: `.deb` files, and what a source package consists of. Rejects with apt-get's messages.
 */
export async function downloadDebian(work: string, wanted: DebianDownload): Promise<readonly string[]> {
  const lists = join(work, "lists");
  const archives = join(work, "archives");
  await mkdir(join(lists, "partial"), { recursive: true });
  await mkdir(join(archives, "partial"), { recursive: true });
  const sources = join(work, "sources.list");
  const trust = (await exists(archiveKeyring)) ? `[signed-by=${archiveKeyring}] ` : "";
  const origin = `${trust}${await debianMirror()} ${wanted.suite} main\n`;
  await writeFile(sources, `deb ${origin}${wanted.source === undefined ? "" : `deb-src ${origin}`}`);
  const options = [
    `Dir::Etc::SourceList=${sources}`,
    "Dir::Etc::SourceParts=/dev/null",
    `Dir::State::Lists=${lists}`,
    "Dir::State::status=/dev/null",
    `Dir::Cache=${work}`,
    `APT::Architecture=${wanted.architecture}`,
    `APT::Architectures=${wanted.architecture}`,
    "APT::Sandbox::User=",
  ].flatMap((option) => ["-o", option]);
  const aptGet = async (...args: readonly string[]) =>
    await execa("apt-get", [...options, ...args], { cwd: work });
  await aptGet("update", "--error-on=any");
  const { packages = [], source } = wanted;
  if (wanted.dependencies === true)
    await aptGet("install", "--download-only", "--no-install-recommends", "-y", ...packages);
  else await aptGet("download", ...packages);
  if (source !== undefined) await aptGet("source", "--download-only", source);
  const files = [...(await filesIn(work)), ...(await filesIn(archives))];
  return files.filter((file) => file !== sources);
}

async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(folder, entry.name));
}

/** The Debian mirror that this machine already uses, so that a build needs no other host. */
async function debianMirror(): Promise<string> {
  const targets = await execa("apt-get", ["indextargets", "--format", "$(REPO_URI)"], { reject: false });
  const mirror = targets.stdout.split("\n").find((uri) => /\/debian\/?$/.test(uri));
  return mirror ?? publicMirror;
}

/** Whether something is at the path. */
export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
