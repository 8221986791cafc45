"""Builds cosign from the tool of this folder's go.mod: `python -m e2e.cosign.build`.

It takes some 10 minutes of CPU time, so nothing builds it unasked.
"""

from pathlib import Path
from typing import Final

from e2e.cluster.toolchain import build_go, find_built

MODULE: Final = Path(__file__).resolve().parent
_PACKAGES: Final = ["github.com/sigstore/cosign/v3/cmd/cosign"]
_NAMES: Final = ["cosign"]
_FLAGS: Final = "-s -w"


def build_cosign() -> Path:
    """Build it; one in the cache costs nothing."""
    return build_go(MODULE, _PACKAGES, _NAMES, ldflags=_FLAGS, label="building cosign")[0]


def find_cosign() -> Path | None:
    """Return the one that was built, if there is one."""
    found = find_built(MODULE, _PACKAGES, _NAMES, _FLAGS)
    return found[0] if found else None


if __name__ == "__main__":
    print(build_cosign())
