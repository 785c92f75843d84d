/**
 * Turns into tailscaled, keeping its pid. Arguments: lock file, socket, then tailscaled's command line. It holds a lock for
 * tailscaled's whole life: never two of them on one state. The socket of the one before would answer for it. It mounts nothing:
 * containers may not.
 */
export const launchScript = `
exec 9>"$1" || exit 73
flock -n 9 || exit 75
rm -f "$2"
shift 2
exec "$@"
`;

/** The script's own exit codes (sysexits.h, and 126 and 127 of sh) in words; others are tailscaled's. */
export const scriptExits: Readonly<Record<number, string>> = {
  73: "its lock file could not be written",
  75: "another tailscaled of ours already runs",
  126: "the binary cannot be executed",
  127: "the binary is missing",
};
