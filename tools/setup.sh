#!/usr/bin/env bash
# Makes .venv with everything that development, tests and the demo need, from requirements.lock.
# Usage: tools/setup.sh [FOLDER [PYTHON]]
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:-.venv}

missing() {
  echo "revet: $1 is missing. On Debian or Ubuntu: sudo apt-get install $2" >&2
  exit 1
}

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
  local name
  for name in python3 python3.13 python3.12 python3.11; do
    if is_new_enough "$name"; then
      command -v "$name"
      return
    fi
  done
  missing "Python 3.11 or newer" python3
}

command -v git >/dev/null || missing git git
python=${2:-$(find_python)}
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing "Python's venv module" python3-venv

echo "setting up $venv with $("$python" --version) ..." >&2
# A venv that works is brought up to date: it may be in use, and most of it stays as it is.
describe() { "$1" -c 'import ensurepip, sys; print(sys.version)' 2>/dev/null || echo "none"; }
[ "$(describe "$venv/bin/python")" = "$(describe "$python")" ] && "$venv/bin/python" -c 'import pip' 2>/dev/null ||
  "$python" -m venv --clear "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
touch "$venv/.ready"
