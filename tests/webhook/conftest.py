"""Fixtures of the webhook's tests: a webhook that runs, and what most tests have in it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.manifests import namespace
from tests.support.registry import image
from tests.webhook.harness import Harness, serve
from tests.webhook.registries import Pinning, pinning


@pytest.fixture
async def webhook(tmp_path: Path) -> AsyncIterator[Harness]:
    """Give a webhook that knows the namespace `shop` and no policy."""
    async with serve(tmp_path) as harness:
        harness.know(namespace("shop", {"tier": "prod"}))
        yield harness


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Pinning]:
    """Give a webhook whose policy pins by a registry that has `app:1`."""
    async with pinning(tmp_path) as made:
        made.know()
        made.registry.push("app", image("one"), "1")
        yield made
