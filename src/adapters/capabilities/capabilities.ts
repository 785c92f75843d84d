import { readFile } from "node:fs/promises";
import { HeadcniError } from "../../domain/failure.ts";

/** Bits of linux/capability.h that HeadCNI needs. */
const bits = { NET_ADMIN: 12, NET_RAW: 13, SYS_ADMIN: 21 } as const;
export type CapabilityName = keyof typeof bits;

class CapabilityError extends HeadcniError<{
  readonly code: "CAPABILITY_MISSING";
  readonly missing: readonly CapabilityName[];
}> {}

/** Throws CapabilityError naming every capability this process does not have. `what` is the program's name. */
export async function requireCapabilities(what: string): Promise<void> {
  const missing = missingCapabilities(await readFile("/proc/self/status", "utf8"));
  if (missing.length === 0) return;
  const wanted = Object.keys(bits).join(", ");
  throw new CapabilityError(
    `${what} lacks the ${missing.length > 1 ? "capabilities" : "capability"} ${missing.join(", ")}: ` +
      `it needs ${wanted} (securityContext.capabilities.add), and to run as root of the host's user namespace`,
    { code: "CAPABILITY_MISSING", missing },
  );
}

/** Out of a text of /proc/PID/status (proc_pid_status(5), CapEff). */
export function missingCapabilities(status: string): readonly CapabilityName[] {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  const names = Object.keys(bits) as CapabilityName[];
  return names.filter((name) => (effective & (1n << BigInt(bits[name]))) === 0n);
}
