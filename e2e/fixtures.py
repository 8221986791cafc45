"""Upstream's labelled pods of the Pod Security Standards, from the Go module that carries them.

Apart from the tests, because both the oracle and the engine are held against them.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from e2e.cluster.toolchain import find_go, required_version
from e2e.oracle.controls import CONTROLS

MODULE = "k8s.io/pod-security-admission"
PASSING, FAILING = 975, 3266
"""How many there are: a reader that finds fewer must not look like one that agrees."""
ORACLE = Path(__file__).parent / "oracle"
_IDS = {check.lower(): check for check in CONTROLS}  # Files are named in lower case.


class Fixture(NamedTuple):
    """A pod that passes all checks of a level and version, or fails the one it is named after."""

    path: Path
    level: str
    version: str
    passes: bool
    check: str
    """Upstream's check id; for a pod that passes, perhaps another word (`base`)."""
    pod: dict[str, Any]


def find_testdata() -> Path:
    """Find the fixtures of the version that the oracle is built with."""
    go = str(find_go(required_version(ORACLE)).path)
    subprocess.run([go, "mod", "download", MODULE], cwd=ORACLE, check=True)
    listing = [go, "list", "-m", "-f", "{{.Dir}}", MODULE]
    found = subprocess.run(listing, cwd=ORACLE, check=True, capture_output=True, text=True)
    return Path(found.stdout.strip()) / "test" / "testdata"


def read_fixtures(wanted: str = "*/*/*") -> Iterator[Fixture]:
    """Read LEVEL/VERSION/{pass,fail}/CHECKn.yaml of the `wanted` folders, in a stable order."""
    testdata = find_testdata()
    for path in sorted(testdata.glob(f"{wanted}/*.yaml")):
        level, version, label, _ = path.relative_to(testdata).parts
        pod = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
        stem = path.stem.rstrip("0123456789")
        yield Fixture(path, level, version, label == "pass", _IDS.get(stem, stem), pod)
