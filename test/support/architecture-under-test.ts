import { ownArchitecture, parseArchitectures } from "../../deploy/architecture/architecture.ts";
import { provideToolchain } from "../../deploy/architecture/toolchain.ts";
import { cacheFolder } from "../lab/build/go-tools.ts";
import { stderrProgress } from "../lab/progress.ts";

const { HEADCNI_ARCHITECTURE: wanted = ownArchitecture() } = process.env;
const [architecture = ownArchitecture()] = parseArchitectures(wanted);

/** What compiles and runs what is tested: this machine's, or, for `npm run test:arm64`, that of the architecture in HEADCNI_ARCHITECTURE. */
export const toolchainUnderTest = await provideToolchain(architecture, cacheFolder(), stderrProgress());

/** Why nothing that opens a network namespace can be tried; undefined where it can. */
export const noNamespaces =
  toolchainUnderTest.emulator.length === 0
    ? undefined
    : "qemu's user mode does not know the ioctl NS_GET_NSTYPE, by which the plugin recognizes a namespace";
