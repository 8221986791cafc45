"""A Sigstore, and what its root and its keys are to us."""

import json
from datetime import UTC, datetime

import pytest

from revet.verify.root import TrustRoot, read_root
from tests.support.sigstore.world import Sigstore


@pytest.fixture(scope="session")
def sigstore() -> Sigstore:
    """Give an instance of now."""
    return Sigstore(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture(scope="session")
def root(sigstore: Sigstore) -> TrustRoot:
    """Give its trust root."""
    return read_root(json.dumps(sigstore.root()).encode())
