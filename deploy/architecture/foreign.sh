#!/bin/sh
# foreign.sh EMULATOR COMMAND...: runs COMMAND where the kernel starts programs for arm64 with EMULATOR (qemu's user mode), also inside
# a chroot. The kernel knows of it only within a user namespace of COMMAND's own, which ends with it; root and all users stay
# themselves there. Needs root and Linux 6.7, the first that registers formats per user namespace (binfmt_misc).
set -eu
work=$(mktemp -d)
child=
trap 'rm -rf "$work"; [ -z "$child" ] || kill "$child" 2>/dev/null || :' EXIT
trap 'exit 143' INT TERM
mkfifo "$work/mapped"
# The ELF header of a program for AArch64, of any ABI: magic, mask (qemu's own qemu-aarch64.conf). F: opened now, so that a chroot needs no copy.
magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
unshare --user --mount sh -c '
  read -r _ <"$1"
  formats=/proc/sys/fs/binfmt_misc
  if ! { mount -t binfmt_misc binfmt_misc "$formats" && printf %s "$2" >"$formats/register"; }; then
    echo "this kernel ($(uname -r)) runs no programs for arm64: it needs Linux 6.7 or newer with binfmt_misc" >&2
    exit 1
  fi
  shift 3
  exec "$@"' sh "$work/mapped" ":headcni-aarch64:M::$magic:$mask:$1:F" "$@" <&0 &
child=$!
here=$(readlink /proc/self/ns/user)
until there=$(readlink "/proc/$child/ns/user") && [ "$there" != "$here" ]; do
  kill -0 "$child" || exit 1
  sleep 0.01
done
for map in uid_map gid_map; do echo "0 0 65536" >"/proc/$child/$map"; done
echo >"$work/mapped"
code=0
wait "$child" || code=$?
child=
exit "$code"
