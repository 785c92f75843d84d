#!/bin/sh
# node-boot.sh SCRIPT INIT: runs `sh SCRIPT INIT` as process 1 of a node: in mount, UTS, pid and cgroup namespaces of
# its own. $NODE_CGROUP, in each hierarchy of the machine's cgroups, becomes the root of the cgroups that the node sees.
set -eu
hierarchies=$(findmnt -rn -t cgroup,cgroup2 -o TARGET)
export hierarchies

for hierarchy in $hierarchies; do
  cgroup=$hierarchy
  for name in $(echo "$NODE_CGROUP/init" | tr / ' '); do
    mkdir -p "$cgroup/$name"
    # In version 1 a new cpuset may run nowhere.
    for list in cpuset.mems cpuset.cpus; do
      [ ! -e "$cgroup/$name/$list" ] || cat "$cgroup/$list" >"$cgroup/$name/$list"
    done
    cgroup=$cgroup/$name
  done
  echo $$ >"$hierarchy/$NODE_CGROUP/cgroup.procs"
done

# The namespace's root is where the process is that makes it; afterwards that process goes to the leaf for the node's
# own programs, because a cgroup with children may hold none itself (cgroups(7), version 2).
exec unshare --cgroup sh -euc '
  for hierarchy in $hierarchies; do echo $$ >"$hierarchy/$NODE_CGROUP/init/cgroup.procs"; done
  exec unshare --mount --uts --pid --propagation slave --fork --kill-child --mount-proc sh "$0" "$1"
' "$1" "$2"
