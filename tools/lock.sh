#!/usr/bin/env bash
# Writes requirements.lock anew from pyproject.toml, keeping versions that still fit.
# With --check it writes nothing, shows what would differ, and exits 1 if anything does.
set -euo pipefail
cd "$(dirname "$0")/.."

lock=$(mktemp)
trap 'rm -f "$lock"' EXIT
cp requirements.lock "$lock"
.venv/bin/uv pip compile --quiet --universal --all-extras --generate-hashes --no-header --python-version 3.11 \
  --output-file "$lock" pyproject.toml

if [[ ${1:-} == --check ]]; then
  diff --unified=0 requirements.lock "$lock" || {
    echo "requirements.lock does not fit pyproject.toml, run: make lock" >&2
    exit 1
  }
else
  # Left as it is where nothing differs: its date makes .venv anew.
  cmp --silent "$lock" requirements.lock || cat "$lock" >requirements.lock
fi
