"""The writer: writes only where something differs, and keeps book of who edits it."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from itertools import pairwise
from typing import Any

import pytest

from revet.adapters.objects import Objects
from revet.core.model.meta import Manifest
from revet.operator.picture import Key, Picture
from revet.operator.writer import Writer
from tests.operator.clock import Clock

KEY = Key("policy", "strict")
NAME = f"revet-{'0' * 20}-isolate"
WANTED: Manifest = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": NAME, "namespace": "shop", "labels": {"a": "b"}},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
}


class Written(Objects):
    """Objects that are only remembered, as an API server would answer."""

    def __init__(self) -> None:
        self.done: list[str] = []

    async def apply(self, manifest: Manifest, subresource: str = "") -> Manifest:
        """Answer with what was applied, and a new version."""
        self.done.append(f"apply{subresource}")
        return _live(manifest, len(self.done) + 100)

    async def patch(
        self, manifest: Manifest, operations: Sequence[Mapping[str, Any]], subresource: str = ""
    ) -> Manifest:
        """Answer as if it had been done."""
        self.done.append(f"patch{subresource} {operations}")
        return manifest

    async def delete(self, manifest: Manifest) -> None:
        """Answer as if it had been done."""
        self.done.append(f"delete {manifest['metadata']['name']}")


def _live(manifest: Manifest, version: int, **metadata: object) -> Manifest:
    live = deepcopy(manifest)
    live["metadata"] |= {"resourceVersion": str(version), "uid": "u", **metadata}
    return live


class Desk:
    """A writer with its surroundings."""

    def __init__(self) -> None:
        self.objects = Written()
        self.picture = Picture()
        self.clock = Clock()
        self.asked: list[tuple[Key, float]] = []
        self.writer = Writer(
            self.objects,
            self.picture,
            frozenset(),
            self.clock,
            lambda key, after_s: self.asked.append((key, after_s)),
        )

    def edit(self, version: int, *, wider: bool = False) -> None:
        """Have somebody edit the object."""
        edited = _live(WANTED, version, managedFields=[{"manager": "somebody", "time": "1"}])
        if wider:
            edited["spec"]["policyTypes"] = []
        else:
            edited["metadata"]["labels"] = {}
        self.picture.see_object(edited, gone=False)

    def texts(self) -> list[str]:
        """Tell what is told of edits."""
        return [drift.text for drift in self.writer.drifts(KEY)]


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_what_stands_is_not_written(desk: Desk) -> None:
    await desk.writer.keep(WANTED, KEY)
    await desk.writer.keep(WANTED, KEY)
    assert desk.objects.done == ["apply"]
    assert desk.texts() == []


async def test_our_own_change_is_no_drift(desk: Desk) -> None:
    await desk.writer.keep(WANTED, KEY)
    changed = deepcopy(WANTED)
    changed["spec"]["policyTypes"] = ["Ingress", "Egress"]
    await desk.writer.keep(changed, KEY)
    assert desk.objects.done == ["apply", "apply"]
    assert desk.texts() == []


async def test_what_was_deleted_is_written_at_once_however_often(desk: Desk) -> None:
    await desk.writer.keep(WANTED, KEY)
    for _ in range(5):
        desk.picture.objects.clear()
        await desk.writer.keep(WANTED, KEY)
    assert len(desk.objects.done) == 6
    assert desk.texts() == [f"NetworkPolicy shop/{NAME} was deleted"]


async def test_a_wider_edit_is_undone_at_once_however_often(desk: Desk) -> None:
    await desk.writer.keep(WANTED, KEY)
    for turn in range(5):
        desk.edit(200 + turn, wider=True)
        await desk.writer.keep(WANTED, KEY)
        desk.picture.objects.clear()
    assert len(desk.objects.done) == 6


async def test_another_edit_is_undone_at_a_growing_interval(desk: Desk) -> None:
    await desk.writer.keep(WANTED, KEY)
    version = 200
    done = []
    for _ in range(120):
        version += 1
        desk.edit(version)
        before = len(desk.objects.done)
        await desk.writer.keep(WANTED, KEY)
        if len(desk.objects.done) > before:
            done.append(desk.clock.now)
            desk.picture.objects.clear()
        desk.clock.now += 1
    waits = [round(b - a) for a, b in pairwise(done)]
    assert waits == [5, 10, 20, 40]
    [text] = desk.texts()
    assert text == f"NetworkPolicy shop/{NAME} was edited at metadata.labels[a] by somebody"
    assert desk.writer.drifts(KEY)[0].contested


async def test_what_is_contested_is_looked_at_again(desk: Desk) -> None:
    await desk.writer.keep(WANTED, KEY)
    desk.edit(200)
    await desk.writer.keep(WANTED, KEY)
    desk.picture.objects.clear()
    desk.edit(300)
    await desk.writer.keep(WANTED, KEY)
    assert desk.asked == [(KEY, 5.0)]


async def test_an_edit_is_told_for_ten_minutes(desk: Desk) -> None:
    await desk.writer.keep(WANTED, KEY)
    desk.picture.objects.clear()
    await desk.writer.keep(WANTED, KEY)
    assert len(desk.texts()) == 1
    assert desk.asked == [(KEY, 600.0)]
    desk.clock.now += 601
    assert desk.texts() == []


async def test_what_went_with_its_namespace_was_not_edited(desk: Desk) -> None:
    await desk.writer.keep(WANTED, KEY)
    desk.picture.objects.clear()
    desk.writer.forget("shop")
    await desk.writer.keep(WANTED, KEY)
    assert desk.objects.done == ["apply", "apply"]
    assert desk.texts() == []


async def test_of_a_policy_that_is_gone_nothing_is_remembered(desk: Desk) -> None:
    owner = {"kind": "HardeningPolicy", "name": "strict", "uid": "p"}
    owned = deepcopy(WANTED)
    owned["metadata"]["ownerReferences"] = [owner]
    other = deepcopy(WANTED)
    other["metadata"] |= {"name": "other", "ownerReferences": [{**owner, "name": "other"}]}
    for each in (owned, other):
        await desk.writer.keep(each, KEY)
        desk.picture.objects.clear()
        await desk.writer.keep(each, KEY)
        desk.picture.objects.clear()
    assert len(desk.texts()) == 2
    desk.writer.forget_policy("strict")
    assert desk.texts() == []
    for each in (owned, other):
        await desk.writer.keep(each, KEY)
    assert desk.texts() == ["NetworkPolicy shop/other was deleted"]


async def test_what_is_pruned_is_not_missed(desk: Desk) -> None:
    await desk.writer.keep(WANTED, KEY)
    [live] = desk.picture.objects.values()
    await desk.writer.prune(live)
    assert desk.objects.done == ["apply", f"delete {NAME}"]
    assert desk.picture.objects == {}
    await desk.writer.keep(WANTED, KEY)
    assert desk.texts() == []


async def test_without_correction_an_edit_is_told_and_stays(desk: Desk) -> None:
    assert await desk.writer.keep(WANTED, KEY, corrects=False)
    desk.picture.objects.clear()
    for _ in range(2):
        assert not await desk.writer.keep(WANTED, KEY, corrects=False)
    assert desk.objects.done == ["apply"]
    [drift] = desk.writer.drifts(KEY)
    assert (drift.text, drift.left) == (f"NetworkPolicy shop/{NAME} was deleted", True)
    # What is asked for anew is no edit, and who corrects finds what was left.
    anew = {**WANTED, "spec": {**WANTED["spec"], "policyTypes": ["Egress"]}}
    assert await desk.writer.keep(anew, KEY, corrects=False)
    desk.picture.objects.clear()
    assert await desk.writer.keep(anew, KEY)
    assert desk.objects.done == ["apply"] * 3


@pytest.mark.parametrize(("manager", "writes"), [("revet", True), ("kubectl", False)])
async def test_after_a_start_an_edit_is_known_by_who_wrote_last(
    desk: Desk, manager: str, *, writes: bool
) -> None:
    entries = [
        {"manager": "revet", "time": "2026-01-01T00:00:00Z"},
        {"manager": manager, "time": "2026-01-01T00:00:01Z"},
        {"manager": "controller", "subresource": "status", "time": "2026-01-01T00:00:02Z"},
    ]
    live = _live({**WANTED, "spec": {"podSelector": {}}}, 1, managedFields=entries)
    desk.picture.see_object(live, gone=False)
    assert await desk.writer.keep(WANTED, KEY, corrects=False) is writes
    assert len(desk.texts()) == (0 if writes else 1)


async def test_what_is_undone_is_told_with_who_did_it(desk: Desk) -> None:
    told: list[tuple[str, str]] = []
    writer = Writer(
        desk.objects,
        desk.picture,
        frozenset(),
        desk.clock,
        lambda *_: None,
        lambda manifest, text: told.append((manifest["kind"], text)),
    )
    await writer.keep(WANTED, KEY)
    await writer.keep(WANTED, KEY)
    assert told == []
    desk.edit(200, wider=True)
    await writer.keep(WANTED, KEY)
    desk.picture.objects.clear()
    await writer.keep(WANTED, KEY)
    edited = f"NetworkPolicy shop/{NAME} was edited at spec.policyTypes by somebody"
    deleted = f"NetworkPolicy shop/{NAME} was deleted"
    assert told == [("NetworkPolicy", edited), ("NetworkPolicy", deleted)]
    # What stays was not undone.
    desk.picture.objects.clear()
    assert not await writer.keep(WANTED, KEY, corrects=False)
    assert len(told) == 2
