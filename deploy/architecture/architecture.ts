import { LabError } from "../../test/lab/lab-error.ts";

/** A processor's architecture, by the name that Debian, Go and OCI images give it. */
export type Architecture = "amd64" | "arm64";

/** Its other names: of Node and npm, of the kernel (`uname -m`) and of GNU's programs. */
export const names = {
  amd64: { node: "x64", machine: "x86_64", gnu: "x86_64-linux-gnu" },
  arm64: { node: "arm64", machine: "aarch64", gnu: "aarch64-linux-gnu" },
} as const satisfies Record<Architecture, unknown>;

/** All that HeadCNI is built for. */
export const architectures: readonly Architecture[] = ["amd64", "arm64"];

/** This machine's. Throws LabError BUILD_FAILED on a machine that HeadCNI is not built for. */
export function ownArchitecture(): Architecture {
  const own = architectures.find((architecture) => names[architecture].node === process.arch);
  if (own === undefined)
    throw new LabError("BUILD_FAILED", `this machine is ${process.arch}; HeadCNI is built for ${known}`);
  return own;
}

/** Of a list such as `amd64,arm64`, each once. Throws LabError BAD_OPTION that names the one that is not known. */
export function parseArchitectures(list: string): readonly Architecture[] {
  const parsed = list.split(",").map((given) => {
    const found = architectures.find((architecture) => architecture === given);
    if (found === undefined)
      throw new LabError(
        "BAD_OPTION",
        `--arch ${list}: "${given}" is no architecture of HeadCNI; give ${known}`,
      );
    return found;
  });
  return [...new Set(parsed)];
}

const known = "amd64, arm64 or both (amd64,arm64)";
