"""Fixtures of the webhook's tests: a webhook that runs, and what most tests have in it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.manifests import namespace
from tests.webhook.harness import Harness, serve


@pytest.fixture
async def webhook(tmp_path: Path) -> AsyncIterator[Harness]:
    """Give a webhook that knows the namespace `shop` and no policy."""
    async with serve(tmp_path) as harness:
        harness.know(namespace("shop", {"tier": "prod"}))
        yield harness
