#!/bin/sh
# go-build-e2e.sh SOURCE DESTINATION LDFLAGS: builds Kubernetes' own end-to-end tests, the program that runs them in
# parallel and the one they run in pods, from the Go module in folder SOURCE. Otherwise like go-build.sh.
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
flags="-mod=readonly -buildvcs=false -trimpath"
go test -c $flags -ldflags "-s -w $3" -o "$building/e2e.test" k8s.io/kubernetes/test/e2e
go build $flags -ldflags "-s -w $3" -o "$building/" \
  github.com/onsi/ginkgo/v2/ginkgo k8s.io/kubernetes/test/images/agnhost
# agnhost serves TLS with these.
cp "$(go list -mod=readonly -m -f '{{.Dir}}' k8s.io/kubernetes)"/test/images/agnhost/porter/localhost.* "$building/"
chmod 755 "$building"
mv "$building" "$2"
