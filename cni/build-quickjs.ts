import { access, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { execa } from "execa";

/**
 * Debian 13: this QuickJS, and musl as its updates bring it. A process with glibc first asks the processor for its
 * caches with the CPUID instruction, which a virtual machine hands to its hypervisor each time; musl does not.
 */
const suite = "trixie";
const quickJs = { package: "quickjs", version: "2025.04.26-1" } as const;
/** The C library; gcc's specs for it. */
const muslPackages = ["musl-dev", "musl-tools"];
const specsFile = "musl.specs";
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
  /** Path of gcc's specs for programs with musl, the C library of `library`. */
  readonly specs: string;
}

/**
 * QuickJS with musl, built from Debian's packages into `cacheDir`, once. Needs apt-get, dpkg-deb, tar, xz, make and
 * gcc for that. Rejects with the failing command's output.
 */
export async function provideQuickJs(cacheDir: string, progress: (line: string) => void): Promise<QuickJs> {
  const id = `${quickJs.package}-${quickJs.version}-musl-${process.arch}`;
  const home = join(cacheDir, id);
  const built = {
    id,
    qjsc: join(home, "qjsc"),
    library: join(home, "libquickjs.a"),
    include: home,
    specs: join(home, specsFile),
  };
  if (await exists(built.library)) return built;
  await mkdir(cacheDir, { recursive: true });
  const work = await mkdtemp(join(cacheDir, `${id}.building-`));
  try {
    progress(`fetching the Debian packages ${quickJs.package} ${quickJs.version} and musl`);
    const product = join(work, "product");
    const source = await fetchPackages(work, product);
    progress("compiling QuickJS (about 20 s, once)");
    const specs = await writeSpecs(product, product);
    await execa(
      "make",
      [
        `-j${availableParallelism()}`,
        "qjsc",
        "libquickjs.a",
        "CONFIG_LTO=",
        "LDFLAGS=-static",
        "QJSC_CC=gcc",
        `CC=gcc -specs=${specs}`,
      ],
      { cwd: source },
    );
    for (const file of ["qjsc", "libquickjs.a", "quickjs.h"])
      await copyFile(join(source, file), join(product, file));
    await writeSpecs(product, home);
    await moveInto(product, home);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return built;
}

/** Writes musl's specs for gcc, with musl being below `root`, into `product`; returns their path there. */
async function writeSpecs(product: string, root: string): Promise<string> {
  const { stdout: triplet } = await execa("gcc", ["-print-multiarch"]);
  const musl = triplet.trim().replace("gnu", "musl");
  const specs = await readFile(join(product, `usr/lib/${musl}/musl-gcc.specs`), "utf8");
  const path = join(product, specsFile);
  await writeFile(path, specs.replaceAll("/usr/", `${root}/usr/`));
  return path;
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

/**
 * Downloads through apt, which checks Debian's signature, without touching the machine's own apt state. musl is
 * unpacked into `product`. Returns the directory of QuickJS's source.
 */
async function fetchPackages(work: string, product: string): Promise<string> {
  const lists = join(work, "lists");
  const archives = join(work, "archives");
  await mkdir(join(lists, "partial"), { recursive: true });
  await mkdir(join(archives, "partial"), { recursive: true });
  const sources = join(work, "sources.list");
  const trust = (await exists(archiveKeyring)) ? `[signed-by=${archiveKeyring}] ` : "";
  const origin = `${trust}${await debianMirror()} ${suite} main\n`;
  await writeFile(sources, `deb ${origin}deb-src ${origin}`);
  const options = [
    `Dir::Etc::SourceList=${sources}`,
    "Dir::Etc::SourceParts=/dev/null",
    `Dir::State::Lists=${lists}`,
    `Dir::Cache=${work}`,
    "APT::Sandbox::User=",
  ].flatMap((option) => ["-o", option]);
  await execa("apt-get", [...options, "update", "--error-on=any"], { cwd: work });
  await execa("apt-get", [...options, "download", ...muslPackages], { cwd: work });
  const wanted = `${quickJs.package}=${quickJs.version}`;
  await execa("apt-get", [...options, "source", "--download-only", wanted], { cwd: work });
  const files = await readdir(work);
  for (const file of files.filter((name) => name.endsWith(".deb")))
    await execa("dpkg-deb", ["-x", join(work, file), product]);
  const tarball = files.find((name) => name.includes(".orig.tar."));
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
