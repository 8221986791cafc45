"""A Fail entry that somebody deletes comes back by the word of who is ready now, not of before."""

from collections.abc import Iterator
from typing import Final

import pytest

from e2e import live
from e2e.api import Api, wait_for
from e2e.cluster.controlplane import ControlPlane
from e2e.release import Release
from e2e.webhook import policy
from tests.support.manifests import Manifest, good_pod

LABELS: Final = {"deleted": "yes"}
NAME: Final = "deleted"
BOTH: Final = ("validatingwebhookconfiguration", "mutatingwebhookconfiguration")


@pytest.fixture(scope="module")
def namespace(release: Release) -> Iterator[str]:
    """Give a namespace where a policy enforces, while both processes run."""
    try:
        release.start()
        name = release.plane.create_namespace(LABELS)
        release.plane.apply(
            [policy(NAME, LABELS, enforcement="Enforce"), policy("mild", {"mild": "yes"})]
        )
        live.wait_for_conditions(release.plane, NAME, "Ready", "Enforcing")
        yield name
        release.plane.delete_namespace(name)
    finally:
        release.stop()


@pytest.fixture
def dead(release: Release, namespace: str) -> Iterator[str]:
    """Give it while no webhook is there; in the end there is one."""
    release.webhook.kill()
    try:
        yield namespace
    finally:
        release.webhook.start()


def _fails(plane: ControlPlane, *kinds: str) -> list[str]:
    """Return the names of the Fail entries that stand in the configurations of these kinds."""
    stand = [each for kind in kinds or BOTH for each in _entries(plane, kind)]
    return sorted(each["name"] for each in stand if each["failurePolicy"] == "Fail")


def _entries(plane: ControlPlane, kind: str) -> list[Manifest]:
    found: list[Manifest] = live.read(plane, f"{kind}/revet").get("webhooks", [])
    return found


def _reconcile_all(release: Release) -> None:
    """Have the operator look at all entries once more: the guard is theirs, too."""
    stood = live.read(release.plane, "validatingadmissionpolicy")["items"][0]["metadata"]["uid"]
    release.plane.kubectl("delete", "validatingadmissionpolicies", "--all")
    wait_for(
        lambda: (
            (items := live.read(release.plane, "validatingadmissionpolicy").get("items"))
            and items[0]["metadata"]["uid"] != stood
        ),
        "guarded again",
    )


@pytest.mark.parametrize("kinds", [BOTH, BOTH[:1], BOTH[1:]], ids=["both", *BOTH])
def test_it_waits_for_a_webhook_that_lives(
    release: Release, dead: str, kinds: tuple[str, ...]
) -> None:
    plane = release.plane
    stood = _fails(plane)
    left = _fails(plane, *(each for each in BOTH if each not in kinds)) if kinds != BOTH else []
    assert stood != left
    silent = f"no answer from {release.url}"
    for kind in kinds:
        plane.kubectl("delete", kind, "revet")
    wait_for(lambda: silent in live.condition(plane, NAME, "Enforcing")[2], "told what it lacks")
    _reconcile_all(release)
    assert _fails(plane) == left
    assert live.condition(plane, NAME, "Enforcing")[:2] == ("False", "Waiting")
    assert "was deleted" in live.condition(plane, NAME, "Drifted")[2]
    if kinds == BOTH:
        # What never refuses needs nobody's word.
        wait_for(lambda: live.entries(plane), "watched again")
        api = Api(plane)
        assert api.create(good_pod(), dead, dry_run=True).is_success
        api.close()
    release.webhook.start()
    wait_for(lambda: _fails(plane) == stood, "called again")
    live.wait_for_conditions(plane, NAME, "Enforcing")
    release.webhook.kill()
