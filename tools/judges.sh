#!/usr/bin/env bash
# Current Prometheus and Alertmanager, judges of the tests, built from their Go modules into a cache.
#   judges.sh build       build what is missing, in JUDGES_SECONDS at most; then list
#   judges.sh list        say which judges there are
#   judges.sh where NAME  print the folder of the programs of tools/judges/NAME, built or not yet
set -euo pipefail
modules=$(cd "$(dirname "$0")/judges" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/alertlab/judges
bound_seconds=${JUDGES_SECONDS:-900}
names=(prometheus alertmanager)

say() { printf '%s\n' "$*" >&2; }

where() { # NAME
  local key
  key=$(cat "$modules/build.sh" "$modules/$1/go.mod" | cksum | cut -d ' ' -f 1)
  echo "$cache/$1-$(uname -sm | tr ' ' -)-$key"
}

missing() { # NAME WHY
  say "no current $1 as a judge: $2; the tests that need it are skipped"
}

bounded() { # COMMAND...
  local left=$((bound_seconds - SECONDS))
  if ! command -v timeout >/dev/null; then "$@"; return; fi
  [ "$left" -gt 0 ] || return 124
  timeout --kill-after=10 "$left" "$@"
}

build() { # NAME
  local home work log=$cache/$1.log status=0 started=$SECONDS
  home=$(where "$1")
  [ -d "$home" ] && return
  command -v go >/dev/null || { missing "$1" "Go is not installed"; return; }
  mkdir -p "$cache" || { missing "$1" "$cache cannot be written"; return; }
  work=$(mktemp -d "$cache/building-XXXXXX")
  printf '  building current %s ... ' "$1" >&2
  bounded "$modules/build.sh" "$1" "$work" >"$log" 2>&1 || status=$?
  # Renamed when complete, so that nothing half-built is ever found.
  if [ "$status" = 0 ] && { [ -d "$home" ] || mv "$work/bin" "$home"; }; then
    say "$((SECONDS - started)) s"
  else
    say "failed"
    case $status in
      3) missing "$1" "$(go env GOVERSION) could not provide its modules (see $log)" ;;
      124 | 137) missing "$1" "it was not built within $bound_seconds s (JUDGES_SECONDS)" ;;
      *) missing "$1" "its build failed (see $log)" ;;
    esac
  fi
  rm -rf "$work"
}

judge() { # PROGRAM WHENCE
  local path version
  path=$(command -v "$1") || return 0
  version=$("$path" --version 2>&1 | sed -n '1s/.*version \([^ ]*\).*/\1/p')
  printf '  judge: %-24s %-12s %s\n' "$(basename "$path")" "$version" "$2" >&2
}

list() {
  local name program home
  for program in prometheus promtool prometheus-alertmanager amtool; do
    judge "$program" installed
  done
  [ -z "${PROMETHEUS_BIN:-}" ] || judge "$PROMETHEUS_BIN" PROMETHEUS_BIN
  for name in "${names[@]}"; do
    home=$(where "$name")
    if [ -d "$home" ]; then
      for program in "$home"/*; do judge "$program" built; done
    elif [ "$1" != built ]; then
      missing "$name" "make judges has not built it"
    fi
  done
}

case ${1:-} in
  build)
    for name in "${names[@]}"; do build "$name"; done
    list built
    ;;
  list) list "" ;;
  where) where "$2" ;;
  *) say "usage: judges.sh build | list | where NAME"; exit 2 ;;
esac
