#!/bin/sh
# node-enter.sh COMMAND...: the first thing a new process of a node runs, inside the node's namespaces: joins the
# cgroup of the node's own programs.
set -eu
for hierarchy in $(findmnt -rn -t cgroup,cgroup2 -o TARGET); do
  echo $$ >"$hierarchy/init/cgroup.procs"
done
exec "$@"
