import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { execa } from "execa";
import { type Architecture, names } from "../deploy/architecture/architecture.ts";
import { downloadDebian, exists } from "../deploy/architecture/debian-download.ts";
import type { Toolchain } from "../deploy/architecture/toolchain.ts";

/**
 * Debian 13: this QuickJS, and musl as its updates bring it. A process with glibc first asks the processor for its
 * caches with the CPUID instruction, which a virtual machine hands to its hypervisor each time; musl does not.
 */
const suite = "trixie";
const quickJs = { package: "quickjs", version: "2025.04.26-1" } as const;
/** The C library; gcc's specs for it. */
const muslPackages = ["musl-dev", "musl-tools"];
const specsFile = "musl.specs";

/** A QuickJS to compile with; compiler and library are of one build, for bytecode fits no other. */
export interface QuickJs {
  /** Names this build in cache keys. */
  readonly id: string;
  /** Path of the bytecode compiler, a program of the toolchain's architecture. */
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
export async function provideQuickJs(
  cacheDir: string,
  toolchain: Toolchain,
  progress: (line: string) => void,
): Promise<QuickJs> {
  const { architecture, gcc, ar, env } = toolchain;
  const id = idFor(architecture);
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
    const source = await fetchPackages(work, product, architecture);
    progress("compiling QuickJS (about 20 s, once)");
    const specs = await writeSpecs(product, product, architecture);
    await execa(
      "make",
      [
        `-j${availableParallelism()}`,
        "qjsc",
        "libquickjs.a",
        "CONFIG_LTO=",
        "LDFLAGS=-static",
        "QJSC_CC=gcc",
        `CC=${gcc} -specs=${specs}`,
        `AR=${ar}`,
      ],
      { cwd: source, env },
    );
    for (const file of ["qjsc", "libquickjs.a", "quickjs.h"])
      await copyFile(join(source, file), join(product, file));
    await writeSpecs(product, home, architecture);
    await moveInto(product, home);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return built;
}

/** What the plugin is linked with, for a release's bill of materials, once it has been built for this architecture. */
export async function quickJsComponents(
  cacheDir: string,
  architecture: Architecture,
): Promise<readonly { readonly name: string; readonly version: string; readonly purl: string }[]> {
  const changelog = "usr/share/doc/musl-dev/changelog.Debian.gz";
  const packed = await readFile(join(cacheDir, idFor(architecture), changelog));
  const musl = /\((.*?)\)/.exec(gunzipSync(packed).toString("utf8"))?.[1] ?? "unknown";
  return [
    { name: quickJs.package, version: quickJs.version },
    { name: "musl", version: musl },
  ].map((each) => ({
    ...each,
    purl: `pkg:deb/debian/${each.name}@${encodeURIComponent(each.version)}?arch=source&distro=${suite}`,
  }));
}

function idFor(architecture: Architecture): string {
  return `${quickJs.package}-${quickJs.version}-musl-${names[architecture].node}`;
}

/** Writes musl's specs for gcc, with musl being below `root`, into `product`; returns their path there. */
async function writeSpecs(product: string, root: string, architecture: Architecture): Promise<string> {
  const musl = names[architecture].gnu.replace("gnu", "musl");
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

/**
 * Downloads QuickJS's source and musl. musl is unpacked into `product`. Returns the directory of the source.
 */
async function fetchPackages(work: string, product: string, architecture: Architecture): Promise<string> {
  const wanted = `${quickJs.package}=${quickJs.version}`;
  const downloads = join(work, "downloads");
  const files = await downloadDebian(downloads, {
    suite,
    architecture,
    packages: muslPackages,
    source: wanted,
  });
  for (const file of files.filter((name) => name.endsWith(".deb")))
    await execa("dpkg-deb", ["-x", file, product]);
  const tarball = files.find((name) => name.includes(".orig.tar."));
  if (tarball === undefined) throw new Error(`apt-get source ${wanted} brought no .orig.tar file`);
  const source = join(work, "source");
  await mkdir(source);
  await execa("tar", ["xf", tarball, "-C", source, "--strip-components=1"]);
  return source;
}
