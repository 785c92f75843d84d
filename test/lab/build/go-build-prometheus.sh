#!/bin/sh
# go-build-prometheus.sh SOURCE DESTINATION LDFLAGS: builds Prometheus from the Go module in folder SOURCE, of its ways to discover targets
# with Kubernetes' alone, and without its pages. Otherwise like go-build.sh.
set -eu
mkdir -p "$(dirname "$2")"
exec 9>"$(dirname "$2")/build.lock"
flock 9
[ ! -d "$2" ] || exit 0
building=$(mktemp -d "$2.XXXXXX")
trap 'rm -rf "$building"' EXIT
trap 'exit 1' INT TERM
cd "$1"
CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS= GOWORK=off \
  go build -mod=readonly -buildvcs=false -trimpath -tags netgo,remove_all_sd,enable_kubernetes_sd -ldflags "-s -w $3" \
  -o "$building/" tool
chmod 755 "$building"
mv "$building" "$2"
