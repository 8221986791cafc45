"""What a list brings into the picture, and what it must not take out of it."""

import pytest

from revet.core.model.meta import Manifest
from revet.operator.intake import OWN_KINDS, WATCHED_KINDS, compare, see, seen
from revet.operator.picture import CLUSTER, Key, Picture
from tests.support.manifests import namespace, policy

LABELS = {"team": "a"}


def _manifest(kind: str, name: str, uid: str = "1") -> Manifest:
    if kind == "Namespace":
        manifest = namespace(name, LABELS)
    elif kind == "HardeningPolicy":
        manifest = policy(name, LABELS)
    else:
        manifest = {"kind": kind, "metadata": {"name": name}}
    manifest["metadata"] |= {"uid": uid, "resourceVersion": uid}
    return manifest


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
    mine = _manifest(kind, "mine")
    mine["metadata"]["ownerReferences"] = [{"uid": "7"}]
    see(picture, kind, mine, gone=False)
    concerned = {Key("policy", "strict")} if kind == "NetworkPolicy" else {CLUSTER}
    assert compare(picture, kind, seen(picture, kind), []) == concerned


def test_the_same_list_again_touches_nothing() -> None:
    picture = Picture()
    for kind in WATCHED_KINDS:
        listed = [_manifest(kind, "one"), _manifest(kind, "two")]
        compare(picture, kind, {}, listed)
        assert compare(picture, kind, seen(picture, kind), listed) == set()
