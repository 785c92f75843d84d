#!/bin/sh
# go-build-agnhost.sh SOURCE DESTINATION LDFLAGS: builds the program of Kubernetes' example pods alone, from the Go module in
# folder SOURCE. Otherwise like go-build.sh.
set -eu
mkdir -p "$(dirname "$2")"
exec 9>"$(dirname "$2")/build.lock"
flock 9
[ ! -d "$2" ] || exit 0
building=$(mktemp -d "$2.XXXXXX")
trap 'rm -rf "$building"' EXIT
trap 'exit 1' INT TERM
cd "$1"
export CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS= GOWORK=off
go build -mod=readonly -buildvcs=false -trimpath -ldflags "-s -w $3" -o "$building/" k8s.io/kubernetes/test/images/agnhost
# agnhost serves TLS with these.
cp "$(go list -mod=readonly -m -f '{{.Dir}}' k8s.io/kubernetes)"/test/images/agnhost/porter/localhost.* "$building/"
chmod 755 "$building"
mv "$building" "$2"
