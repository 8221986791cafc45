#!/usr/bin/env bash
# Makes the environment of network-config-analyzer from tools/evaluator.lock, unless it is there, and
# prints the path of its program. Tests hold the meaning of our NetworkPolicies against it.
# Usage: tools/evaluator.sh [PYTHON]
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:-python3}

# Another lock or another Python is another environment; none is ever changed.
key=$({ "$python" -c 'import sys; print(sys.version)'; cat tools/evaluator.lock; } | sha256sum | cut -c 1-16)
venv=.cache/evaluator-$key
if [ ! -e "$venv/.ready" ]; then
  mkdir -p .cache
  exec 9>".cache/evaluator-$key.lock"
  flock 9
  if [ ! -e "$venv/.ready" ]; then
    echo "setting up the evaluator of NetworkPolicies ..." >&2
    "$python" -m venv --clear "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
      --requirement tools/evaluator.lock >&2
    touch "$venv/.ready"
  fi
fi
echo "$PWD/$venv/bin/nca"
