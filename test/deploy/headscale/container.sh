#!/bin/sh
# container.sh ROOT PROGRAM AUTHORITY HOSTS VOLUMES TMPFS ARGUMENT...: becomes PROGRAM with ARGUMENTs in a root of its own, as a
# container is: read-only, with the program, a list of authorities, names of hosts, and what the compose file says.
# VOLUMES are lines of SOURCE:TARGET or SOURCE:TARGET:ro, TMPFS lines of TARGET. Runs in a mount namespace of its own.
set -eu
root=$1 program=$2 authority=$3 hosts=$4 volumes=$5 tmpfs=$6
shift 6
mount -t tmpfs -o mode=755 container "$root"
mkdir -p "$root/usr/local/bin" "$root/etc/ssl/certs"
cp "$program" "$root/usr/local/bin/"
cp "$authority" "$root/etc/ssl/certs/ca-certificates.crt"
cp "$hosts" "$root/etc/hosts"
echo "$volumes" | while IFS=: read -r source target mode; do
  mkdir -p "$root$target"
  mount --bind "$source" "$root$target"
  [ -z "$mode" ] || mount -o "remount,bind,$mode" "$root$target"
done
for target in $tmpfs; do
  mkdir -p "$root$target"
  mount -t tmpfs container "$root$target"
done
mount -o remount,ro "$root"
exec chroot "$root" "/usr/local/bin/$(basename "$program")" "$@"
