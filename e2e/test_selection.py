"""What policies select by: labels that the operator guards, namespaces that come under and leave.

Apart from test_guards, whose guard is rendered by the test: this one is as the operator wrote it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from e2e import live, relabelling
from e2e.api import wait_for
from e2e.relabelling import DOORS, HOLDER, PLAIN, REFUSED, labels_of, patch
from e2e.release import Release
from e2e.webhook import policy

NAME: Final = "selecting"
KEY: Final = "example.com/selected"
LABELS: Final = {KEY: "yes"}
ENFORCE: Final = "pod-security.kubernetes.io/enforce"
BEFORE: Final = {ENFORCE: "privileged", "free": "1"}

doors = pytest.mark.parametrize("door", DOORS, ids=["main", "status", "finalize"])


@pytest.fixture(scope="module")
def selecting(release: Release) -> Iterator[Release]:
    """Run both processes, with a policy whose selector has a key that no other one had."""
    try:
        release.start()
        release.plane.apply(_policy())
        live.wait_for_conditions(release.plane, NAME, "Ready", "Enforcing")
        yield release
    finally:
        release.plane.kubectl("delete", "hardeningpolicy", NAME, "--ignore-not-found")
        release.stop()


@pytest.fixture(scope="module")
def users(selecting: Release) -> Iterator[Mapping[str, Path]]:
    """Give kubeconfigs of users without and with the verb, once the API server has the guard."""
    plane = selecting.plane
    kubeconfigs = relabelling.sign_in(plane)
    try:
        probe = plane.create_namespace(LABELS)
        label = ("label", "namespace", probe, f"{KEY}-", "--dry-run=server")
        as_user = f"--kubeconfig={kubeconfigs[PLAIN]}"
        wait_for(lambda: REFUSED in plane.kubectl(*label, as_user, check=False).stderr, "guarded")
        plane.delete_namespace(probe)
        yield kubeconfigs
    finally:
        relabelling.sign_out(plane)


@pytest.fixture
def place(selecting: Release) -> Iterator[str]:
    """Give a namespace that the policy selects."""
    name = selecting.plane.create_namespace(LABELS)
    yield name
    selecting.plane.delete_namespace(name)


def _policy() -> dict[str, Any]:
    network = {"mode": "Enforce"}
    namespaces = {"mode": "Enforce", "podSecurity": {"enforce": "restricted"}}
    return policy(NAME, LABELS, enforcement="Enforce", network=network, namespaces=namespaces)


def _expect_guarded(release: Release, users: Mapping[str, Path], place: str, door: str) -> None:
    change = {KEY: None}
    said = patch(release.plane, users[PLAIN], place, change, door)
    assert f"by the label {KEY}: to change it, {PLAIN} {REFUSED}" in said
    assert labels_of(release.plane, place)[KEY] == "yes"
    assert patch(release.plane, users[PLAIN], place, {"free": "2"}, door) == ""
    assert patch(release.plane, users[HOLDER], place, change, door) == ""
    assert KEY not in labels_of(release.plane, place)


@doors
def test_the_label_of_a_selector_is_guarded(
    selecting: Release, users: Mapping[str, Path], place: str, door: str
) -> None:
    _expect_guarded(selecting, users, place, door)


def test_the_label_is_guarded_while_all_of_ours_is_dead(
    selecting: Release, users: Mapping[str, Path]
) -> None:
    plane = selecting.plane
    places = {door: plane.create_namespace(LABELS) for door in DOORS}
    selecting.operator.kill()
    selecting.webhook.kill()
    try:
        for door, place in places.items():
            _expect_guarded(selecting, users, place, door)
    finally:
        selecting.start_operator()
        selecting.webhook.start()
        for place in places.values():
            plane.delete_namespace(place)


def _is_hardened(release: Release, namespace: str) -> bool:
    labels = live.labels(release.plane, namespace)
    return len(live.isolation(release.plane, namespace)) == 2 and labels[ENFORCE] == "restricted"


def _is_as_before(release: Release, namespace: str) -> bool:
    found = live.read(release.plane, "namespace", namespace)["metadata"]
    return (
        not live.isolation(release.plane, namespace)
        and labels_of(release.plane, namespace) == BEFORE
        and not found.get("annotations")
    )


def test_a_namespace_comes_under_a_policy_and_leaves_it(selecting: Release) -> None:
    plane = selecting.plane
    name = plane.create_namespace(BEFORE)
    for _ in range(2):
        plane.kubectl("label", "namespace", name, f"{KEY}=yes")
        wait_for(lambda: _is_hardened(selecting, name), "hardened")
        plane.kubectl("label", "namespace", name, f"{KEY}-")
        wait_for(lambda: _is_as_before(selecting, name), "as before")
    plane.delete_namespace(name)


def test_what_left_while_the_operator_was_dead_is_as_before(selecting: Release) -> None:
    plane = selecting.plane
    left, came = plane.create_namespace({**BEFORE, **LABELS}), plane.create_namespace(BEFORE)
    wait_for(lambda: _is_hardened(selecting, left), "hardened")
    selecting.operator.kill()
    plane.kubectl("label", "namespace", left, f"{KEY}-")
    plane.kubectl("label", "namespace", came, f"{KEY}=yes")
    selecting.start_operator()
    wait_for(lambda: _is_as_before(selecting, left), "as before")
    wait_for(lambda: _is_hardened(selecting, came), "hardened")
    for name in (left, came):
        plane.delete_namespace(name)
