"""The public trust root is refreshed from a TUF repository; what is not signed changes nothing."""

import asyncio
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from revet.adapters.address import SettingsError
from revet.adapters.kube import KubeError
from revet.adapters.tuf_repository import TufError, fetch_target
from revet.core.model.meta import Manifest
from revet.operator import public_root
from revet.operator.context import Context
from revet.operator.picture import Key
from revet.operator.public_root import PublicRoot
from revet.operator.settings import PublicRootSettings, parse_public_root
from revet.verify.public_good import CONFIG_MAP_NAME, ROOT, read_bundled_root, read_tuf_anchor
from revet.verify.root import read_root
from tests.operator.test_writer import Written
from tests.support.manifests import policy
from tests.support.tuf import Repository

RULE = {
    "name": "ci",
    "images": ["*"],
    "anyOf": [{"key": {"secretRef": {"name": "k", "key": "p"}}}],
}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 -- the base's
        """Log nothing."""


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def url(repository: Repository) -> Iterator[str]:
    handler = partial(_Quiet, directory=str(repository.folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def fetch(repository: Repository, url: str, tmp_path: Path) -> partial[bytes]:
    return partial(fetch_target, url, repository.anchor, tmp_path / "seen", ROOT)


def test_the_newest_is_fetched(repository: Repository, fetch: partial[bytes]) -> None:
    repository.publish(ROOT, b"one")
    assert fetch() == b"one"
    repository.publish(ROOT, b"two")
    assert fetch() == b"two"


def test_an_older_state_is_no_newest_one(
    repository: Repository, fetch: partial[bytes], tmp_path: Path
) -> None:
    repository.publish(ROOT, b"one")
    shutil.copytree(repository.folder, tmp_path / "old")
    repository.publish(ROOT, b"two")
    assert fetch() == b"two"
    shutil.copytree(tmp_path / "old", repository.folder, dirs_exist_ok=True)
    with pytest.raises(TufError, match="can't be trusted") as caught:
        fetch()
    assert caught.value.is_forged


def test_what_has_expired_is_not_trusted(repository: Repository, fetch: partial[bytes]) -> None:
    repository.publish(ROOT, b"one", timedelta(seconds=-1))
    with pytest.raises(TufError, match="expired") as caught:
        fetch()
    assert caught.value.is_forged


def test_another_key_is_not_trusted(
    repository: Repository, url: str, tmp_path: Path, fetch: partial[bytes]
) -> None:
    repository.publish(ROOT, b"one")
    other = Repository(tmp_path / "other")
    with pytest.raises(TufError, match="can't be trusted"):
        fetch_target(url, other.anchor, tmp_path / "elsewhere", ROOT)
    assert fetch() == b"one"


def test_a_changed_file_is_not_given(repository: Repository, fetch: partial[bytes]) -> None:
    repository.publish(ROOT, b"one")
    [target] = (repository.folder / "targets").iterdir()
    target.write_bytes(b"two")
    with pytest.raises(TufError, match="can't be trusted"):
        fetch()


def test_who_is_away_or_has_none_is_named(
    repository: Repository, url: str, fetch: partial[bytes], tmp_path: Path
) -> None:
    repository.publish("another.json", b"one")
    with pytest.raises(TufError, match=rf"{url}: has no {ROOT}") as caught:
        fetch()
    assert not caught.value.is_forged
    with pytest.raises(TufError, match=r"^http://127\.0\.0\.1:1"):
        fetch_target("http://127.0.0.1:1", repository.anchor, tmp_path / "seen", ROOT)


def test_the_library_brings_a_root_and_an_anchor() -> None:
    assert read_root(read_bundled_root()).authorities
    assert b'"signatures"' in read_tuf_anchor()


@pytest.mark.parametrize("url", ["http://tuf", "https://", "https://u@h", "https://h/?q", "tuf"])
def test_no_other_url_is_taken(url: str) -> None:
    with pytest.raises(SettingsError, match=r"--public-root-tuf .* must be https://"):
        parse_public_root(url, Path("folder"))
    assert parse_public_root("https://h:1/tuf/", Path("f")) == PublicRootSettings(
        "https://h:1/tuf", Path("f")
    )


class Stored(Written):
    """One ConfigMap, which is there; writes are told."""

    def __init__(self) -> None:
        super().__init__()
        self.data: dict[str, str] = {}
        self.refusal = ""

    async def get(self, kind: str, name: str, namespace: str = "") -> Manifest | None:
        """Return it."""
        assert (kind, name, namespace) == ("ConfigMap", CONFIG_MAP_NAME, "revet-system")
        return {"metadata": {"name": name}, "data": self.data}

    async def apply(self, manifest: Manifest, subresource: str = "") -> Manifest:
        """Store what was applied."""
        if self.refusal:
            raise KubeError(self.refusal)
        self.data = manifest["data"]
        return await super().apply(manifest, subresource)


@pytest.fixture
def stored() -> Stored:
    return Stored()


@pytest.fixture
def verifying(context: Context, stored: Stored) -> Context:
    manifest = policy("strict", {"a": "b"}, images={"verify": [RULE]})
    manifest["metadata"] |= {"uid": "u", "resourceVersion": "1", "generation": 1}
    context.picture.see_policy(manifest, gone=False)
    return replace(context, objects=stored)


async def test_it_is_written_once(verifying: Context, stored: Stored) -> None:
    root = PublicRoot(verifying, lambda: b"one")
    assert await root.refresh(lambda: b"one")
    assert await root.refresh(lambda: b"one")
    assert stored.data == {ROOT: "one"}
    assert stored.done == ["apply"]


def _refuse(*, is_forged: bool) -> bytes:
    raise TufError("no", is_forged=is_forged)


async def test_what_is_forged_is_told_at_once_and_who_is_away_after_a_day(
    verifying: Context, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = PublicRoot(verifying)
    stored.data = {ROOT: "good"}
    assert not await root.refresh(partial(_refuse, is_forged=False))
    assert root.problem("u") == ""
    assert not await root.refresh(partial(_refuse, is_forged=True))
    assert root.problem("u") == (
        "the public trust root can't be refreshed: no: what was there before still counts"
    )
    assert await verifying.statuses.get() == Key("status", "strict")
    assert await root.refresh(lambda: b"good")
    assert root.problem("u") == ""
    monkeypatch.setattr(public_root, "_PATIENCE_S", -1.0)
    assert not await root.refresh(partial(_refuse, is_forged=False))
    assert root.problem("u")
    assert stored.data == {ROOT: "good"}
    assert stored.done == []
    counted = verifying.metrics.public_root_refreshes
    assert counted.labels("failed")._value.get() == 3
    assert counted.labels("ok")._value.get() == 1


async def test_it_concerns_only_who_relies_on_it(verifying: Context) -> None:
    root = PublicRoot(verifying)
    await root.refresh(partial(_refuse, is_forged=True))
    rule = {**RULE, "trustRoot": {"configMapRef": {"name": "own", "key": ROOT}}}
    manifest = policy("other", {"a": "b"}, images={"verify": [rule]})
    manifest["metadata"] |= {"uid": "v", "resourceVersion": "2", "generation": 1}
    verifying.picture.see_policy(manifest, gone=False)
    assert root.problem("v") == ""
    assert root.problem("u")


async def test_a_refused_write_is_tried_again(verifying: Context, stored: Stored) -> None:
    stored.refusal = "403"
    root = PublicRoot(verifying)
    assert not await root.refresh(lambda: b"one")
    stored.refusal = ""
    assert await root.refresh(lambda: b"one")
    assert stored.data == {ROOT: "one"}


async def test_nobody_is_asked_where_that_is_not_wanted(context: Context) -> None:
    async with asyncio.timeout(5):
        await PublicRoot(context).run()


async def test_it_goes_on_by_itself(
    verifying: Context, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public_root, "_EVERY_S", 0.0)
    roots = iter([b"one", b"two"])
    done = asyncio.Event()

    def fetch() -> bytes:
        try:
            return next(roots)
        except StopIteration:
            loop.call_soon_threadsafe(done.set)
            raise TufError("no more") from None

    loop = asyncio.get_running_loop()
    task = asyncio.create_task(PublicRoot(verifying, fetch).run())
    await done.wait()
    task.cancel()
    assert stored.data == {ROOT: "two"}
    assert stored.done == ["apply", "apply"]


async def test_who_drips_is_waited_for_no_longer_than_that(
    verifying: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public_root, "_LONGEST_S", 0.05)
    ended = threading.Event()

    def drip() -> bytes:
        ended.wait(30)
        return b"late"

    root = PublicRoot(verifying)
    assert not await root.refresh(drip)
    ended.set()
    assert verifying.metrics.public_root_refreshes.labels("failed")._value.get() == 1


async def test_an_error_that_nobody_thought_of_is_a_failure(verifying: Context) -> None:
    def fail() -> bytes:
        raise KeyError("odd")

    assert not await PublicRoot(verifying).refresh(fail)
