"""Builds cosign from the tool of this folder's go.mod."""

from pathlib import Path

from e2e.cluster.toolchain import build_go

MODULE = Path(__file__).resolve().parent
_PACKAGE = "github.com/sigstore/cosign/v3/cmd/cosign"


def build_cosign() -> Path:
    """Build it, about 10 CPU minutes the first time; one in the cache costs nothing."""
    return build_go(MODULE, [_PACKAGE], ["cosign"], ldflags="-s -w", label="building cosign")[0]
