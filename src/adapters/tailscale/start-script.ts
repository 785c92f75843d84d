/**
 * Turns into tailscaled, keeping its pid. Arguments: lock file, record file, socket, resolv.conf, headcni-resolver's command line as
 * sh reads it (empty for none; it has descriptor 3), then tailscaled's command line.
 * It runs in a mount namespace of its own and
 * - holds a lock for tailscaled's whole life: two daemons that both start one leave one (exit code 75, EX_TEMPFAIL);
 * - removes the socket and the record of the one before, which would answer for it;
 * - unmounts its copies of network namespace mounts, which would keep every pod's namespace alive;
 * - puts X's resolv.conf over the host's, for itself alone (Go reads no other path);
 * - keeps headcni-resolver running beside tailscaled: its stdin ends with the descriptor 8 that tailscaled inherits;
 * - records its pid and start time before it becomes tailscaled, so that a daemon killed meanwhile still finds it.
 */
export const startScript = `
exec 9>"$1" || exit 73
flock -n 9 || exit 75
record=$2
socket=$3
resolver=$4
forward=$5
shift 5
rm -f "$record" "$socket"
while read -r _ _ _ _ point rest; do
  case "$rest" in *" - nsfs "*) umount -l "$point" ;; esac
done </proc/self/mountinfo
if [ -e /etc/resolv.conf ]; then mount --bind "$resolver" /etc/resolv.conf || exit 71; fi
started() { cut -d ' ' -f 22 /proc/$$/stat 2>/dev/null; }
began=$(started)
if [ -n "$forward" ]; then
  pipe=$socket.pipe
  rm -f "$pipe"
  mkfifo "$pipe" || exit 73
  exec 8<>"$pipe" 7<"$pipe"
  rm -f "$pipe"
  (
    exec 8>&- 9>&-
    until eval "$forward" <&7; do
      sleep 5
      [ "$(started)" = "$began" ] || break
    done
  ) &
  exec 7<&-
fi
exec 3<&-
echo "$$ $began" >"$record.new" && mv "$record.new" "$record" || exit 73
exec "$@"
`;

/** The script's own exit codes (sysexits.h, and 126 and 127 of sh) in words; others are tailscaled's. */
export const scriptExits: Readonly<Record<number, string>> = {
  71: "its resolv.conf could not be mounted",
  73: "its record could not be written",
  75: "another tailscaled of ours already runs",
  126: "the binary cannot be executed",
  127: "the binary is missing",
};
