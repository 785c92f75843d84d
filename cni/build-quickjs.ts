import { access, copyFile, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { execa } from "execa";

/** The QuickJS that Debian 13 ships. */
const pin = { package: "quickjs", version: "2025.04.26-1", suite: "trixie" } as const;
const archiveKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
const publicMirror = "http://deb.debian.org/debian";

/** A QuickJS to compile with; compiler and library are of one build, for bytecode fits no other. */
export interface QuickJs {
  /** Names this build in cache keys. */
  readonly id: string;
  /** Path of the bytecode compiler. */
  readonly qjsc: string;
  /** Path of libquickjs.a. */
  readonly library: string;
  /** Directory of quickjs.h. */
  readonly include: string;
}

/**
 * The system's QuickJS (Debian 13: packages quickjs and libquickjs), else one built from Debian's source package
 * into `cacheDir`, once. Needs apt-get, tar, xz, make and gcc for that. Rejects with the failing command's output.
 */
export async function provideQuickJs(cacheDir: string, progress: (line: string) => void): Promise<QuickJs> {
  const system = await systemQuickJs();
  if (system !== undefined) return system;
  const id = `${pin.package}-${pin.version}-${process.arch}`;
  const home = join(cacheDir, id);
  const built = { id, qjsc: join(home, "qjsc"), library: join(home, "libquickjs.a"), include: home };
  if (await exists(built.library)) return built;
  await mkdir(cacheDir, { recursive: true });
  const work = await mkdtemp(join(cacheDir, `${id}.building-`));
  try {
    progress(`fetching the Debian source package ${pin.package} ${pin.version}`);
    const source = await fetchSource(work);
    progress("compiling QuickJS (about 20 s, once)");
    const jobs = `-j${availableParallelism()}`;
    await execa("make", [jobs, "qjsc", "libquickjs.a", "CONFIG_LTO="], { cwd: source });
    const product = join(work, "product");
    await mkdir(product);
    for (const file of ["qjsc", "libquickjs.a", "quickjs.h"])
      await copyFile(join(source, file), join(product, file));
    await moveInto(product, home);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return built;
}

/** Renames a finished directory to its place in the cache; another build that was first there wins. */
export async function moveInto(finished: string, place: string): Promise<void> {
  try {
    await rename(finished, place);
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
  }
}

/** Whether something is at the path. */
export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function systemQuickJs(): Promise<QuickJs | undefined> {
  const qjsc = "/usr/bin/qjsc";
  const include = "/usr/include/quickjs";
  const { stdout: triplet } = await execa("gcc", ["-print-multiarch"]);
  const library = `/usr/lib/${triplet.trim()}/quickjs/libquickjs.a`;
  const found = await Promise.all([qjsc, library, join(include, "quickjs.h")].map(exists));
  if (found.includes(false)) return undefined;
  // Prints its version in the first line of the help text and ends with 1.
  const { stdout: help } = await execa(qjsc, ["-h"], { reject: false });
  return { id: `system ${help.split("\n")[0]} ${triplet.trim()}`, qjsc, library, include };
}

/** Downloads through apt, which checks Debian's signature, without touching the machine's own apt state. */
async function fetchSource(work: string): Promise<string> {
  const lists = join(work, "lists");
  const archives = join(work, "archives");
  await mkdir(join(lists, "partial"), { recursive: true });
  await mkdir(join(archives, "partial"), { recursive: true });
  const sources = join(work, "sources.list");
  const trust = (await exists(archiveKeyring)) ? `[signed-by=${archiveKeyring}] ` : "";
  await writeFile(sources, `deb-src ${trust}${await debianMirror()} ${pin.suite} main\n`);
  const options = [
    `Dir::Etc::SourceList=${sources}`,
    "Dir::Etc::SourceParts=/dev/null",
    `Dir::State::Lists=${lists}`,
    `Dir::Cache=${work}`,
    "APT::Sandbox::User=",
  ].flatMap((option) => ["-o", option]);
  await execa("apt-get", [...options, "update", "--error-on=any"], { cwd: work });
  const wanted = `${pin.package}=${pin.version}`;
  await execa("apt-get", [...options, "source", "--download-only", wanted], { cwd: work });
  const tarball = (await readdir(work)).find((name) => name.includes(".orig.tar."));
  if (tarball === undefined) throw new Error(`apt-get source ${wanted} brought no .orig.tar file`);
  const source = join(work, "source");
  await mkdir(source);
  await execa("tar", ["xf", join(work, tarball), "-C", source, "--strip-components=1"]);
  return source;
}

/** The Debian mirror that this machine already uses, so that a build needs no other host. */
async function debianMirror(): Promise<string> {
  const targets = await execa("apt-get", ["indextargets", "--format", "$(REPO_URI)"], { reject: false });
  const mirror = targets.stdout.split("\n").find((uri) => /\/debian\/?$/.test(uri));
  return mirror ?? publicMirror;
}
