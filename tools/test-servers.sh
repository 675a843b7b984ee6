#!/usr/bin/env bash
# Install the programs that judge this project in its tests, where that can be done: test-servers.sh LOG
set -euo pipefail
log=$1
declare -A program=(
  [prometheus]=prometheus
  [prometheus-alertmanager]=prometheus-alertmanager
  [chromium]=chromium
)
missing=()
for package in prometheus prometheus-alertmanager chromium; do
  command -v "${program[$package]}" >/dev/null || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "not installed: ${missing[*]} (needs root on Debian or Ubuntu); the tests that run them are skipped" >&2
  exit 0
fi

# The servers are only wanted as programs: nothing may be started on this machine.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
echo "installing ${missing[*]} (log: $log)" >&2
mkdir -p "$(dirname "$log")"
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" fonts-nanum; } >>"$log" 2>&1; then
  echo "could not install ${missing[*]}; the tests that run them are skipped (see $log)" >&2
fi
