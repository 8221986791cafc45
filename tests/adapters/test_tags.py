"""Who asks for tags of one registry is not in the way of who asks another."""

import asyncio

import pytest

from revet.adapters.registry import tags
from revet.adapters.registry.client import Digest
from revet.adapters.registry.error import RegistryError
from revet.adapters.registry.tags import Tags


async def test_too_many_are_too_many_of_one_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tags, "_MOST_RUNNING", 1)
    known, ends = Tags(lambda: 0.0), asyncio.Event()

    async def ask() -> Digest:
        await ends.wait()
        return Digest("sha256:0")

    async def answer() -> Digest:
        return Digest("sha256:1")

    first = asyncio.ensure_future(known.ask("slow", "slow/a", ask))
    same = asyncio.ensure_future(known.ask("slow", "slow/a", ask))
    await asyncio.sleep(0)
    with pytest.raises(RegistryError, match="slow: too many are asking it at once"):
        await known.ask("slow", "slow/b", answer)
    assert (await known.ask("other", "other/a", answer)).digest == "sha256:1"
    ends.set()
    assert (await first).digest == (await same).digest == "sha256:0"
    assert (await known.ask("slow", "slow/b", answer)).digest == "sha256:1"
