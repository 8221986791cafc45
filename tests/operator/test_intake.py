"""What a list brings into the picture, and what it must not take out of it."""

import io
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from revet.core.model.meta import Manifest
from revet.operator import intake
from revet.operator.context import Context
from revet.operator.intake import OWN_KINDS, WATCHED_KINDS, Intake, see, seen
from revet.operator.picture import CLUSTER, Key, NamespaceSeen, Picture, PolicySeen
from tests.operator.test_writer import Written
from tests.operator.turns import count_turns
from tests.support.manifests import namespace, policy

LABELS = {"team": "a"}


def _manifest(kind: str, name: str, version: str = "1") -> Manifest:
    if kind == "Namespace":
        manifest = namespace(name, LABELS)
    elif kind == "HardeningPolicy":
        manifest = policy(name, LABELS)
    else:
        owner = {"apiVersion": "revet.dev/v1alpha1", "kind": "HardeningPolicy", "uid": "strict-7"}
        manifest = {"kind": kind, "metadata": {"name": name, "ownerReferences": [owner]}}
    manifest["metadata"] |= {"uid": f"{name}-{version}", "resourceVersion": version}
    return manifest


def compare(
    picture: Picture,
    kind: str,
    before: Mapping[tuple[str, str], Any],
    listed: Iterable[Manifest],
    gone: Collection[str] = (),
) -> set[Key]:
    """Take in a list, in which nothing is odd."""
    odd: list[str] = []
    found = intake.compare(
        picture, kind, before, listed, gone, lambda name, error: odd.append(f"{name}: {error}")
    )
    touched = set[Key]().union(*found)
    assert odd == []
    return touched


@pytest.mark.parametrize("kind", WATCHED_KINDS)
def test_what_is_not_listed_is_gone(kind: str) -> None:
    picture = Picture()
    for name in ("stays", "goes"):
        see(picture, kind, _manifest(kind, name), gone=False)
    before = seen(picture, kind)
    compare(picture, kind, before, [_manifest(kind, "stays"), _manifest(kind, "new")])
    assert seen(picture, kind).keys() == {("", "stays"), ("", "new")}


@pytest.mark.parametrize("kind", WATCHED_KINDS)
def test_what_was_seen_while_listing_is_newer_than_the_list(kind: str) -> None:
    picture = Picture()
    for name in ("made-again", "gone"):
        see(picture, kind, _manifest(kind, name), gone=False)
    before = seen(picture, kind)
    see(picture, kind, _manifest(kind, "made-again", "2"), gone=False)
    see(picture, kind, _manifest(kind, "made", "2"), gone=False)
    see(picture, kind, _manifest(kind, "gone"), gone=True)
    stood = seen(picture, kind)
    assert compare(picture, kind, before, [_manifest(kind, "gone")]) == set()
    assert seen(picture, kind) == stood
    assert stood.keys() == {("", "made-again"), ("", "made")}


@pytest.mark.parametrize("kind", OWN_KINDS)
def test_an_object_of_ours_that_is_gone_is_looked_at(kind: str) -> None:
    picture = Picture()
    see(picture, "HardeningPolicy", _manifest("HardeningPolicy", "strict", "7"), gone=False)
    see(picture, kind, _manifest(kind, "mine"), gone=False)
    concerned = {Key("policy", "strict")} if kind == "NetworkPolicy" else {CLUSTER}
    assert compare(picture, kind, seen(picture, kind), []) == concerned


def test_the_same_list_again_touches_nothing() -> None:
    picture = Picture()
    for kind in WATCHED_KINDS:
        listed = [_manifest(kind, "one"), _manifest(kind, "two")]
        compare(picture, kind, {}, listed)
        assert compare(picture, kind, seen(picture, kind), listed) == set()


@pytest.mark.parametrize("kind", WATCHED_KINDS)
def test_what_came_and_went_while_listing_is_gone(kind: str) -> None:
    picture = Picture()
    before, gone = seen(picture, kind), picture.gone
    see(picture, kind, _manifest(kind, "short", "3"), gone=False)
    see(picture, kind, _manifest(kind, "short", "3"), gone=True)
    assert compare(picture, kind, before, [_manifest(kind, "short", "3")], gone) == set()
    assert seen(picture, kind) == {}


def _versions(picture: Picture, kind: str) -> dict[str, str]:
    """Read the version of each object that is held, by its name."""
    found = {}
    for (_, name), each in seen(picture, kind).items():
        match each:
            case PolicySeen():
                found[name] = each.manifest["metadata"]["resourceVersion"]
            case NamespaceSeen():
                found[name] = each.version
            case _:
                found[name] = each["metadata"]["resourceVersion"]
    return found


@pytest.mark.parametrize("kind", WATCHED_KINDS)
def test_a_list_is_true_though_its_versions_are_lower(kind: str) -> None:
    """As after a restore of etcd: what was gone is there again, and older than what was seen."""
    picture = Picture()
    manifest = _manifest(kind, "one")
    later = {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": "900"}}
    see(picture, kind, later, gone=False)
    see(picture, kind, _manifest(kind, "two", "2"), gone=False)
    see(picture, kind, _manifest(kind, "two", "2"), gone=True)
    listed = [manifest, _manifest(kind, "two", "2")]
    compare(picture, kind, seen(picture, kind), listed, picture.gone)
    assert _versions(picture, kind) == {"one": "1", "two": "2"}
    # And from now on what is newer than the list is news.
    last = {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": "5"}}
    see(picture, kind, last, gone=False)
    assert _versions(picture, kind) == {"one": "5", "two": "2"}


def test_one_odd_object_hides_no_other() -> None:
    picture = Picture()
    broken = _manifest("Namespace", "broken")
    broken["metadata"]["labels"] = 7
    del broken["metadata"]["uid"]
    listed = [_manifest("Namespace", "first"), broken, _manifest("Namespace", "last", "3")]
    odd: list[tuple[str, str]] = []
    found = intake.compare(
        picture, "Namespace", {}, listed, (), lambda name, error: odd.append((name, repr(error)))
    )
    assert set[Key]().union(*found) == {Key("namespace", "first"), Key("namespace", "last")}
    assert odd == [("Namespace /broken", "KeyError('uid')")]


class Listed(Written):
    """Objects of which many namespaces are there, and one that nobody can read."""

    async def list(
        self,
        kind: str,
        namespace: str = "",
        selector: str = "",
        fields: str = "",
        trim: Callable[[Manifest], Manifest] = dict,  # noqa: ARG002 -- as its twin
    ) -> list[Manifest]:
        """List them."""
        assert (namespace, bool(selector), fields) == ("", kind in OWN_KINDS, "")
        if kind != "Namespace":
            return []
        odd: Manifest = {"metadata": {"name": "odd"}}
        return [odd, *(_manifest(kind, f"n{number}") for number in range(500))]


async def test_a_long_list_is_taken_in_by_and_by(context: Context, output: io.BytesIO) -> None:
    intake = Intake(replace(context, objects=Listed()))
    assert await count_turns(intake.take()) >= 500 / 50
    assert len(context.picture.namespaces) == 500
    context.log.flush()
    [line] = map(json.loads, output.getvalue().splitlines())
    assert (line["event"], line["name"]) == ("failed", "Namespace /odd")
    assert "KeyError" in line["trace"]
