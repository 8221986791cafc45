"""The entries: what they wait for, of exactly the policy that is there."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from revet.core.model.meta import Manifest
from revet.operator import confirmations
from revet.operator.context import Context
from revet.operator.entries import Entries
from revet.operator.picture import PolicySeen
from revet.operator.prober import Prober, Replica
from tests.operator.test_writer import Written
from tests.support.manifests import policy
from tests.webhook.harness import until


class Owned(Written):
    """Objects that are only remembered; of what is asked for only the owner is there."""

    async def get(self, kind: str, name: str, namespace: str = "") -> Manifest | None:
        """Give the ClusterRole."""
        assert name
        assert bool(namespace) is (kind == "Secret")
        return {"metadata": {"uid": "role"}} if kind == "ClusterRole" else None


@pytest.fixture
def told() -> dict[str, int]:
    """Give the generations that the only replica tells."""
    return {}


@pytest.fixture
async def entries(
    context: Context, told: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Entries]:
    async def ask(
        _: Prober,
        replicas: Sequence[Replica],
        paths: Sequence[str],
        *__: Any,  # noqa: ANN401
    ) -> Mapping[tuple[Replica, str], Mapping[str, int]]:
        return {(each, path): dict(told) for each in replicas for path in paths}

    monkeypatch.setattr(Prober, "ask", ask)
    monkeypatch.setattr(confirmations, "_ASK_AGAIN_S", 0.01)
    settings = replace(context.settings, webhook_url="https://127.0.0.1:9")
    made = Entries(replace(context, objects=Owned(), settings=settings))
    task = asyncio.create_task(made.confirmations.run())
    yield made
    task.cancel()


def _see(context: Context, uid: str, generation: int, version: int) -> PolicySeen:
    manifest = policy("strict", {"tier": "prod"}, enforcement="Enforce")
    manifest["metadata"] |= {"uid": uid, "generation": generation, "resourceVersion": f"{version}"}
    context.picture.see_policy(manifest, gone=False)
    return context.picture.policies["strict"]


async def test_a_policy_that_was_made_again_is_asked_for_anew(
    context: Context, entries: Entries, told: dict[str, int]
) -> None:
    told["first"] = 7
    first = _see(context, "first", 7, 1)
    await entries.keep()
    await until(lambda: "replica" not in entries.waiting(first))
    # Deleted and made again, before anybody has looked; its generations begin with 1.
    second = _see(context, "second", 1, 2)
    await entries.keep()
    assert "waits for every ready replica" in entries.waiting(second)
    told["second"] = 1
    await until(lambda: "replica" not in entries.waiting(second))
