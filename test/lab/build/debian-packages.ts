import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { LabError } from "../lab-error.ts";
import type { Progress } from "../progress.ts";
import { runResult } from "../run-command.ts";

/** What is needed, and the Debian package that brings it. An absolute path is a file, a word a program. */
export type Needs = Readonly<Record<string, string>>;

/** What the lab, the demo and the tests need. */
const labNeeds: Needs = {
  ip: "iproute2",
  tc: "iproute2",
  nft: "nftables",
  iptables: "iptables",
  ping: "iputils-ping",
  tcpdump: "tcpdump",
  iperf3: "iperf3",
  conntrack: "conntrack",
  ethtool: "ethtool",
  nsenter: "util-linux",
  mount: "mount",
  sysctl: "procps",
  gcc: "gcc",
  make: "make",
  "/usr/include/stdio.h": "libc6-dev",
  "/etc/ssl/certs/ca-certificates.crt": "ca-certificates",
};

/** Installs with apt-get what is missing, after one `apt-get update`. Throws LabError PROGRAM_MISSING if that is not possible. */
export async function ensurePackages(progress: Progress, needs: Needs = labNeeds): Promise<void> {
  const missing = await missingPackages(needs);
  if (missing.length === 0) return;
  progress(`Installing Debian packages: ${missing.join(" ")}`);
  await aptGet(["update"], missing);
  await aptGet(["install", "-y", "--no-install-recommends", ...missing], missing);
  const still = await missingPackages(needs);
  if (still.length > 0)
    throw new LabError("PROGRAM_MISSING", `still missing after the installation: ${still.join(" ")}`);
}

async function missingPackages(needs: Needs): Promise<readonly string[]> {
  const { PATH = "" } = process.env;
  const folders = `${PATH}:/usr/sbin:/sbin`.split(":");
  const missing = new Set<string>();
  for (const [need, debianPackage] of Object.entries(needs)) {
    const places = need.startsWith("/") ? [need] : folders.map((folder) => join(folder, need));
    if (!(await anyReadable(places))) missing.add(debianPackage);
  }
  return [...missing];
}

async function anyReadable(paths: readonly string[]): Promise<boolean> {
  const tries = await Promise.allSettled(paths.map((path) => access(path, constants.R_OK)));
  return tries.some((attempt) => attempt.status === "fulfilled");
}

async function aptGet(args: readonly string[], packages: readonly string[]): Promise<void> {
  const byHand = `install them by hand: ${packages.join(" ")}`;
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const result = await runResult(["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", ...args], { env }).catch(
    (cause: unknown) => {
      throw new LabError("PROGRAM_MISSING", `this machine has no apt-get; ${byHand}`, { cause });
    },
  );
  if (result.exitCode !== 0) {
    throw new LabError("PROGRAM_MISSING", `apt-get ${args[0]} failed; ${byHand}\n${result.stderr.trim()}`);
  }
}
