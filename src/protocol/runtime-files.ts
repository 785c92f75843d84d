/** Beside the socket: what the stub and the daemon tell each other through files. */

/** Default of `socketPath` in the plugin's network configuration. */
export const defaultSocketPath = "/run/headcni/cni.sock";

/** The daemon touches its serving file while it serves; STATUS trusts it for this long once the daemon is away. */
export const servingTrustMs = 60_000;

const longestPlainName = 200;
const keptOfLongName = 150;

/** Directory that holds the socket: "/run/headcni". */
export function runtimeDirectory(socketPath: string): string {
  const slash = socketPath.lastIndexOf("/");
  return slash <= 0 ? "/" : socketPath.slice(0, slash);
}

/** File that the daemon touches while it serves. */
export function servingFile(runtimeDir: string): string {
  return `${runtimeDir}/serving`;
}

/** Directory of DELs that the daemon has not seen: one file per key, its content the CniRequest as JSON. */
export function spoolDirectory(runtimeDir: string): string {
  return `${runtimeDir}/deleted`;
}

/**
 * Name of the spool file of a key. ":" and "~" occur in no container id and ":" in no interface name, so
 * different keys have different names; an over-long id (NAME_MAX is 255) is cut and told apart by a hash.
 */
export function spoolFileName(containerId: string, ifname: string): string {
  const id =
    containerId.length <= longestPlainName
      ? containerId
      : `${containerId.slice(0, keptOfLongName)}~${fingerprint(containerId)}`;
  return `${id}:${ifname}`;
}

/** Whether a name in the spool directory is a finished file; names that start with "." are still being written. */
export function isSpoolFileName(name: string): boolean {
  return !name.startsWith(".") && name.includes(":");
}

/** FNV-1a (IETF draft-eastlake-fnv), run with two offsets for 64 bits without BigInt. */
function fingerprint(text: string): string {
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (let index = 0; index < text.length; index += 1) {
    low = Math.imul(low ^ text.charCodeAt(index), 0x01000193);
    high = Math.imul(high ^ text.charCodeAt(index), 0x85ebca6b);
  }
  return [low, high].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}
