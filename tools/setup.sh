#!/usr/bin/env bash
# Make the virtual environment from the lock file: setup.sh PYTHON VENV LOG
set -euo pipefail
python=$1 venv=$2 log=$3
mkdir -p "$(dirname "$log")"
: >"$log"

say() { printf '%s\n' "$*" >&2; }
fail() {
  say "set-up failed: $*"
  [ -s "$log" ] && { say "the last lines of $log:"; tail -n 15 "$log" >&2; }
  exit 1
}
step() { # WHAT COMMAND...
  local what=$1 started=$SECONDS
  shift
  printf '  %s ... ' "$what" >&2
  "$@" >>"$log" 2>&1 || { say "failed"; fail "$what"; }
  say "$((SECONDS - started)) s"
}
as_root_on_debian() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

say "setting up (log: $log)"
command -v "$python" >/dev/null || fail "there is no $python; install Python 3.11 or later"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "$("$python" --version) is too old; give another one with make PYTHON=python3.11"

make_venv() {
  if "$python" -c 'import ensurepip' 2>/dev/null; then
    "$python" -m venv --clear "$venv"
  elif as_root_on_debian; then # Debian keeps venv's other half in a package of its own
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv &&
      "$python" -m venv --clear "$venv"
  elif "$python" -m pip --version; then
    "$python" -m venv --clear --without-pip "$venv" &&
      "$python" -m pip --python "$venv/bin/python" install pip
  else
    echo "neither ensurepip nor pip is there: ask for the package python3-venv"
    return 1
  fi
}
pip="$venv/bin/python -m pip --disable-pip-version-check --no-input"
step "virtual environment in $venv" make_venv
step "packages of requirements.lock" $pip install -r requirements.lock
step "alertlab itself" $pip install --no-deps -e .
