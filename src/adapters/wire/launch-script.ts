/**
 * Turns into tailscaled, keeping its pid. Arguments: lock file, socket, then tailscaled's command line. It holds a lock for
 * tailscaled's whole life, the one that the daemon's own tailscaled holds, too: never two of them on one state. The socket
 * of the one before would answer for it. It mounts nothing: containers may not.
 */
export const launchScript = `
exec 9>"$1" || exit 73
flock -n 9 || exit 75
rm -f "$2"
shift 2
exec "$@"
`;
