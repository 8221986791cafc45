"""Runs the tests on each supported Python that is here: `python tools/test_all.py [PYTEST ARGS]`.

The others are named as skipped. Ends with 1 if the tests fail on one, or if none is here.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
VERSIONS: Final = ("3.11", "3.12", "3.13")
_MADE_FROM: Final = ("requirements.lock", "tools/setup.sh")


def find_python(version: str) -> str | None:
    """Find an interpreter of this version, on PATH or among pyenv's."""
    for path in _candidates(version):
        if _runs(path, version):
            return path
    return None


def _candidates(version: str) -> Iterator[str]:
    name = f"python{version}"
    for folder in os.get_exec_path():
        found = shutil.which(name, path=folder)
        if found:
            yield found
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from (str(path) for path in sorted(pyenv.glob(f"versions/{version}.*/bin/{name}")))


def _runs(path: str, version: str) -> bool:
    """Tell whether it runs and can make venvs: a shim on PATH may have nothing behind it."""
    code = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return answer.returncode == 0 and answer.stdout.strip() == version


def prepare(version: str, python: str, root: Path = ROOT) -> Path:
    """Make `.venv-VERSION`, unless it stands and was made from the same; return its Python."""
    venv = root / f".venv-{version}"
    mark = venv / ".made-from"
    wanted = _hash(root, python)
    if not mark.is_file() or mark.read_text(encoding="utf-8") != wanted:
        subprocess.run([str(root / "tools" / "setup.sh"), venv.name, python], check=True)
        mark.write_text(wanted, encoding="utf-8")
    return venv / "bin" / "python"


def _hash(root: Path, python: str) -> str:
    digest = hashlib.sha256(python.encode())
    for name in _MADE_FROM:
        digest.update((root / name).read_bytes())
    # Not the rest of it: a change of the linter's settings needs no new venv.
    config = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    built = [config["build-system"], config["project"], config["tool"]["hatch"]]
    digest.update(json.dumps(built).encode())
    return digest.hexdigest()


def run_tests(version: str, arguments: list[str]) -> str:
    """Run the tests on one version, and say in a word or two how that went."""
    python = find_python(version)
    if python is None:
        return "skipped: no such Python here"
    print(f"== Python {version}: {python}", flush=True)
    try:
        interpreter = prepare(version, python)
    except subprocess.CalledProcessError as error:
        return f"failed: {error}"
    command = [str(interpreter), "-m", "pytest", *arguments]
    ended = subprocess.run(command, cwd=ROOT, check=False).returncode
    return "passed" if ended == 0 else f"failed: pytest ended with {ended}"


def main(arguments: list[str]) -> int:
    """Run the tests on every version, and sum up."""
    results = {version: run_tests(version, arguments) for version in VERSIONS}
    print()
    for version, result in results.items():
        print(f"Python {version}: {result}")
    passed = any(result == "passed" for result in results.values())
    failed = any(result.startswith("failed") for result in results.values())
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
