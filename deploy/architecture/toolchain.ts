import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { execa } from "execa";
import { LabError } from "../../test/lab/lab-error.ts";
import { type Architecture, names, ownArchitecture } from "./architecture.ts";
import { downloadDebian, exists } from "./debian-download.ts";

/** What compiles C for an architecture, and runs on this machine what was compiled. */
export interface Toolchain {
  readonly architecture: Architecture;
  /** Names this toolchain in cache keys; empty for the machine's own. */
  readonly id: string;
  readonly gcc: string;
  readonly ar: string;
  readonly objcopy: string;
  /** The environment that the three need. */
  readonly env: Readonly<Record<string, string>>;
  /** What stands before a program of this architecture; nothing where this machine runs it itself. */
  readonly emulator: readonly string[];
  /** Arguments of gcc for programs with glibc. */
  readonly glibc: readonly string[];
}

const own = { id: "", gcc: "gcc", ar: "ar", objcopy: "objcopy", env: {}, emulator: [], glibc: [] } as const;
const packages = ["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "qemu-user-static"];
/** The machine's own stays in use: its loader fits no other. */
const unwanted = /^(libc6|libc-bin|libcrypt1)_/;
const emulator = "qemu-aarch64-static";

/**
 * gcc, binutils and glibc for an architecture, and qemu's user mode for its programs, out of the packages of this machine's Debian
 * release. They are unpacked into `cacheDir`, once; nothing is installed. Throws LabError BUILD_FAILED where there are none.
 */
export async function provideToolchain(
  architecture: Architecture,
  cacheDir: string,
  progress: (line: string) => void,
): Promise<Toolchain> {
  if (architecture === ownArchitecture()) return { architecture, ...own };
  if (architecture !== "arm64")
    throw new LabError(
      "BUILD_FAILED",
      `this machine is ${ownArchitecture()}; build ${architecture} on amd64`,
    );
  const suite = await debianRelease();
  const id = `cross-${architecture}-${suite}`;
  const home = join(cacheDir, id);
  if (!(await exists(home))) await unpackInto(home, suite, progress);
  const gnu = join(home, "usr", "bin", names[architecture].gnu);
  const libraries = join(home, "usr", "lib", names[ownArchitecture()].gnu);
  const glibc = join(home, "usr", names[architecture].gnu);
  return {
    architecture,
    id,
    gcc: `${gnu}-gcc`,
    ar: `${gnu}-ar`,
    objcopy: `${gnu}-objcopy`,
    env: { LD_LIBRARY_PATH: libraries },
    emulator: [join(home, "usr", "bin", emulator)],
    glibc: ["-isystem", join(glibc, "include"), `-B${join(glibc, "lib")}/`, `-L${join(glibc, "lib")}`],
  };
}

async function unpackInto(home: string, suite: string, progress: (line: string) => void): Promise<void> {
  progress(`fetching the Debian packages ${packages.join(", ")} (120 MB, once)`);
  await mkdir(join(home, ".."), { recursive: true });
  const work = await mkdtemp(`${home}.building-`);
  try {
    const wanted = { suite, architecture: ownArchitecture(), packages, dependencies: true };
    const files = await downloadDebian(work, wanted);
    const product = join(work, "product");
    for (const file of files)
      if (file.endsWith(".deb") && !unwanted.test(basename(file)))
        await execa("dpkg-deb", ["-x", file, product]);
    const programs = join(product, "usr", "bin");
    for (const program of await readdir(programs))
      if (program.startsWith("qemu-") && program !== emulator) await rm(join(programs, program));
    await rm(join(product, "usr", "share"), { recursive: true, force: true });
    // Somebody beside this one may have been quicker.
    await rename(product, home).catch((error: unknown) =>
      exists(home).then((there) => (there ? undefined : Promise.reject(error))),
    );
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The name of this machine's Debian release. */
export async function debianRelease(): Promise<string> {
  const { stdout } = await execa("sh", ["-c", '. /etc/os-release; echo "$VERSION_CODENAME"']);
  return stdout.trim();
}
