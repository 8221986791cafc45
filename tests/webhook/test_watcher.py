"""The watches: what is copied, and what happens when the other side does not play along."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from revet.adapters import watcher
from revet.adapters.address import Address
from revet.adapters.kube import Collection
from revet.adapters.log import Log
from revet.adapters.watcher import Freshness, Watcher
from revet.webhook.main import Webhook
from revet.webhook.settings import Settings
from tests.webhook.harness import Clock, Harness, until
from tests.webhook.listwatch import ListWatch, event, hang_up, item, page, say, serve, stay

_THINGS = Collection("/api/v1/namespaces", metadata_only=True)


class Copy:
    """Keeps names and versions."""

    def __init__(self) -> None:
        self.versions: dict[str, str] = {}
        self.puts: list[str] = []

    def replace(self, objects: Sequence[bytes]) -> None:
        """Take all."""
        self.versions = dict(map(self._read, objects))

    def put(self, data: bytes) -> None:
        """Take one."""
        name, version = self._read(data)
        self.versions[name] = version
        self.puts.append(f"{name}@{version}")

    def drop(self, data: bytes) -> None:
        """Forget one."""
        self.versions.pop(self._read(data)[0])

    @staticmethod
    def _read(data: bytes) -> tuple[str, str]:
        metadata = json.loads(data)["metadata"]
        return metadata["name"], metadata["resourceVersion"]


class Watched:
    """A watcher that runs, and all that can be seen of it."""

    def __init__(self) -> None:
        self.copy = Copy()
        self.clock = Clock()
        self.freshness = Freshness(self.clock)
        self.complaints: list[str] = []


@asynccontextmanager
async def _watching(script: ListWatch, folder: Path) -> AsyncIterator[Watched]:
    watched = Watched()
    async with serve(script, folder) as kube:
        runs = Watcher(
            kube, _THINGS, watched.copy, watched.freshness, watched.complaints.append
        ).run()
        task = asyncio.create_task(runs)
        try:
            yield watched
            assert not task.done(), "the watcher has ended"
        finally:
            task.cancel()


Watch = Callable[[ListWatch], AbstractAsyncContextManager[Watched]]


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Watch without long pauses between attempts."""
    monkeypatch.setattr(watcher, "_BACKOFF_S", (0.01,))
    return lambda script: _watching(script, tmp_path)


async def test_a_list_comes_in_pages(watch: Watch) -> None:
    first, last = page(7, item("a", 1), more="token"), page(7, item("b", 2))
    script = ListWatch([first, last])
    async with watch(script) as watched:
        await until(lambda: script.watched)
        assert watched.copy.versions == {"a": "1", "b": "2"}
    assert [query.get("continue") for query in script.listed] == [None, "token"]
    assert {query["limit"] for query in script.listed} == {"500"}
    assert script.watched[0]["resourceVersion"] == "7"
    assert script.watched[0]["allowWatchBookmarks"] == "true"


async def test_events_are_taken_in(watch: Watch) -> None:
    lines = (
        event("ADDED", item("b", 8)),
        event("MODIFIED", item("a", 9)),
        event("DELETED", item("b", 10)),
        event("ADDED", item("c", 11)),
    )
    async with watch(ListWatch([page(7, item("a", 1))], [say(*lines)])) as watched:
        await until(lambda: watched.copy.versions == {"a": "9", "c": "11"})
        assert watched.complaints == []


async def test_a_page_that_is_gone_begins_the_list_again(watch: Watch) -> None:
    script = ListWatch([page(7, item("a", 1), more="old"), 410, page(9, item("b", 2))])
    async with watch(script) as watched:
        await until(lambda: watched.copy.versions == {"b": "2"})
    assert [query.get("continue") for query in script.listed] == [None, "old", None]
    assert "410" in watched.complaints[0]


async def test_a_version_that_is_gone_lists_again(watch: Watch) -> None:
    gone = {"kind": "Status", "code": 410, "reason": "Expired", "metadata": {}}
    for answer in (say(event("ERROR", gone)), 410):
        script = ListWatch([page(7, item("a", 1)), page(99, item("z", 98))], [answer])
        async with watch(script) as watched:
            await until(lambda: len(script.watched) == 2)  # noqa: B023 -- awaited here
            assert watched.copy.versions == {"z": "98"}
        assert [query["resourceVersion"] for query in script.watched] == ["7", "99"]


async def test_after_a_good_end_it_goes_on_from_the_bookmark(watch: Watch) -> None:
    bookmark = event("BOOKMARK", {"metadata": {"resourceVersion": "40"}})
    script = ListWatch([page(7)], [say(event("ADDED", item("a", 8)), bookmark, then=None)])
    async with watch(script) as watched:
        await until(lambda: len(script.watched) == 2)
        assert watched.copy.versions == {"a": "8"}
        assert watched.complaints == []
    assert [query["resourceVersion"] for query in script.watched] == ["7", "40"]
    assert len(script.listed) == 1


async def test_a_line_cut_off_is_asked_for_again(watch: Watch) -> None:
    whole = event("ADDED", item("b", 9))
    cut = say(event("ADDED", item("a", 8)), whole[:20], then=hang_up)
    script = ListWatch([page(7)], [cut, say(whole)])
    async with watch(script) as watched:
        await until(lambda: "b" in watched.copy.versions)
        # From where it was, so that nothing comes by a second time.
        assert watched.copy.puts == ["a@8", "b@9"]
        assert len(watched.complaints) == 1
    assert [query["resourceVersion"] for query in script.watched] == ["7", "8"]


async def test_an_end_in_the_middle_of_a_line_takes_nothing_in(watch: Watch) -> None:
    whole = event("ADDED", item("b", 9))
    script = ListWatch([page(7)], [say(whole[:-5], then=None), say(whole)])
    async with watch(script) as watched:
        await until(lambda: watched.copy.puts)
        assert watched.copy.puts == ["b@9"]


@pytest.mark.parametrize("kibibytes", [127, 129, 2048])
async def test_an_object_of_any_size_is_taken_in(watch: Watch, kibibytes: int) -> None:
    # A namespace may carry 256 KiB of annotations: whoever may annotate one must not end us.
    large = item("a", 8, annotations={"note": "x" * 1024 * kibibytes})
    lines = event("ADDED", large) + event("ADDED", item("b", 9))
    async with watch(ListWatch([page(7)], [say(lines)])) as watched:
        await until(lambda: watched.copy.versions == {"a": "8", "b": "9"})
        assert watched.complaints == []


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
async def test_a_refusal_is_tried_again(watch: Watch, status: int) -> None:
    script = ListWatch([status, status, page(7, item("a", 1))], [status, say()])
    async with watch(script) as watched:
        await until(lambda: len(script.watched) == 2)
        assert watched.copy.versions == {"a": "1"}
        assert len(watched.complaints) == 3
        assert all(str(status) in text for text in watched.complaints)
    assert len(script.listed) == 3


async def test_what_is_no_list_is_tried_again(watch: Watch) -> None:
    script = ListWatch([{"items": "none"}, {"metadata": 3}, page(7, item("a", 1))])
    async with watch(script) as watched:
        await until(lambda: watched.copy.versions == {"a": "1"})
        assert all("the answer is no list" in text for text in watched.complaints)


async def test_what_is_no_event_is_told_and_watched_again(watch: Watch) -> None:
    script = ListWatch([page(7)], [say(b"<html>\n"), say(event("ADDED", item("a", 8)))])
    async with watch(script) as watched:
        await until(lambda: watched.copy.versions == {"a": "8"})
        assert len(watched.complaints) == 1


async def test_silence_counts_as_broken(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "_SILENCE_S", 0.05)
    script = ListWatch([page(7)])
    async with watch(script) as watched:
        await until(lambda: len(script.watched) >= 2)
        assert watched.complaints


@pytest.mark.parametrize(("then", "age_s"), [([], 0), ([503] * 1000, 130)])
async def test_a_watch_that_goes_on_is_a_word(watch: Watch, then: list[int], age_s: int) -> None:
    # One that is refused is none.
    async def end(response: web.StreamResponse) -> None:
        await response.write(event("ADDED", item("a", 8)))
        await until(lambda: watched.copy.versions)
        watched.clock.now += 130

    script = ListWatch([page(7)], [end, *then])
    async with watch(script) as watched:
        await until(lambda: len(script.watched) >= 2 + len(then[:2]))
        await until(lambda: watched.freshness.age_s == age_s)
        assert len(script.listed) == 1


async def test_age_is_since_the_last_word(watch: Watch) -> None:
    word = asyncio.Event()

    async def wait(response: web.StreamResponse) -> None:
        await response.write(event("ADDED", item("a", 8)))
        await word.wait()
        await response.write(event("BOOKMARK", {"metadata": {"resourceVersion": "9"}}))
        await stay(response)

    async with watch(ListWatch([page(7)], [wait])) as watched:
        assert not watched.freshness.is_synced
        assert watched.freshness.age_s == float("inf")
        await until(lambda: watched.copy.versions)
        assert watched.freshness.age_s == 0
        watched.clock.now += 130
        assert watched.freshness.age_s == 130
        word.set()
        await until(lambda: watched.freshness.age_s == 0)


async def test_the_process_says_why_it_is_not_ready(tmp_path: Path) -> None:
    clock = Clock()
    script = ListWatch([503, page(7)])
    Harness(tmp_path)  # it writes a certificate
    async with serve(script, tmp_path) as kube:
        log = Log(io.BytesIO(), lambda: "", asyncio.get_running_loop().call_soon)
        webhook = Webhook(_settings(tmp_path), kube, log)
        assert webhook.unready() == "policies are not listed yet"
        for freshness in webhook._watches.values():
            freshness.clock = clock
            freshness.mark()
        assert webhook.unready() is None
        clock.now += 120
        assert webhook.unready() is None
        clock.now += 1
        assert webhook.unready() == "the watch of policies has been silent for 121 s"
        webhook._watches["policies"].mark()
        assert webhook.unready() == "the watch of namespaces has been silent for 121 s"
        webhook._watches["namespaces"].mark()
        assert webhook.unready() is None


def _settings(folder: Path) -> Settings:
    address = Address("127.0.0.1", 0)
    pair = (folder / "tls.crt", folder / "tls.key")
    return Settings(
        address, address, *pair, None, "revet-system", frozenset(), stale_after_s=120, drain_s=0
    )
