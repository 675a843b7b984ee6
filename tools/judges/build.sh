#!/usr/bin/env bash
# Build the programs of one module of this folder with Go: build.sh NAME WORK
# They end up in WORK/bin.  Exit code 3: Go cannot provide the modules; others: the build failed.
set -euo pipefail
name=$1 work=$2
here=$(cd "$(dirname "$0")" && pwd)
module=github.com/prometheus/$name

cp "$here/$name/go.mod" "$work"
cd "$work"
# The versions in go.mod fix all others; there is no go.sum to keep, Go's checksum database knows.
export GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
go mod download "$module" || exit 3
source=$(go list -m -f '{{.Dir}}' "$module")
version=$(cat "$source/VERSION")
if [ "$name" = alertmanager ]; then
  # It embeds its web pages, which the module lacks because npm makes them.
  cp -R "$source" source
  chmod -R u+w source
  mkdir -p source/ui/app/dist
  echo "built without its pages" >source/ui/app/dist/index.html
  go mod edit -replace "$module=./source"
fi
# Of service discovery only Kubernetes, which promtool needs anyway and monitoring/prometheus.yml uses.
tags=remove_all_sd,enable_kubernetes_sd
go list -deps -tags "$tags" tool >/dev/null || exit 3
go build -tags "$tags" -o bin/ \
  -ldflags "-s -w -X github.com/prometheus/common/version.Version=$version" tool
