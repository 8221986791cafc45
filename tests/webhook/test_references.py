"""ConfigMaps and Secrets that policies refer to: watched one by one, as long as they are wanted."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from revet.webhook.references import CONFIG_MAP, SECRET, Reference, References, read_data
from tests.webhook import listwatch
from tests.webhook.harness import until
from tests.webhook.listwatch import ListWatch, event, item, page, say

CA = Reference(CONFIG_MAP, "ca")


def _ca(version: int, text: str) -> dict[str, Any]:
    return item("ca", version) | {"data": {"ca.crt": text}}


async def test_an_object_is_followed_while_it_is_wanted(tmp_path: Path) -> None:
    script = ListWatch(
        [page(1, _ca(1, "old")), page(3)],
        [say(event("MODIFIED", _ca(2, "new")))],
    )
    async with listwatch.serve(script, tmp_path) as kube:
        loop = asyncio.get_running_loop()
        references = References("revet-system", lambda _: None, loop.time)
        running = asyncio.create_task(references.run(kube))
        assert references.find(CA) is None
        references.want([CA, CA])
        await references.seen([CA])
        assert references.find(CA) is not None
        await until(lambda: references.find(CA) == {"ca.crt": b"new"})
        assert script.listed[0]["fieldSelector"] == "metadata.name=ca"
        assert len(script.listed) == 1
        gone = Reference(SECRET, "gone")
        references.want([gone])
        await references.seen([gone])
        await until(lambda: references.find(CA) is None)
        assert references.find(gone) is None
        assert script.listed[1]["fieldSelector"] == "metadata.name=gone"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_is_deleted_is_forgotten(tmp_path: Path) -> None:
    script = ListWatch([page(1, _ca(1, "old"))], [say(event("DELETED", _ca(2, "old")))])
    async with listwatch.serve(script, tmp_path) as kube:
        loop = asyncio.get_running_loop()
        references = References("revet-system", lambda _: None, loop.time)
        running = asyncio.create_task(references.run(kube))
        references.want([CA])
        await references.seen([CA])
        await until(lambda: references.find(CA) is None)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize(
    ("kind", "manifest", "data"),
    [
        (CONFIG_MAP, {"data": {"a": "b"}}, {"a": b"b"}),
        (CONFIG_MAP, {"binaryData": {"a": "Yg=="}}, {"a": b"b"}),
        (CONFIG_MAP, {}, {}),
        (SECRET, {"data": {"a": "Yg=="}}, {"a": b"b"}),
        (SECRET, {"data": None}, {}),
    ],
)
def test_what_objects_hold(kind: str, manifest: Any, data: dict[str, bytes]) -> None:  # noqa: ANN401 # JSON
    assert read_data(kind, json.dumps(manifest).encode()) == data
