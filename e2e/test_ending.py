"""What a deleted policy leaves goes at once, and in order: here while no garbage collector runs."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final

from e2e.api import Api, wait_for
from e2e.cluster.controlplane import ControlPlane
from e2e.release import Release
from e2e.trail import Trail
from e2e.webhook import policy

NAME: Final = "ending"
LABELS: Final = {"ending": "yes"}
_NAMESPACES: Final = 5
_EACH: Final = 2  # the default deny, and the DNS


@contextmanager
def _without_controllers(plane: ControlPlane) -> Iterator[None]:
    """Hang the controllers for a moment: it must be shorter than a Lease of theirs."""
    pid = plane.pids["kube-controller-manager"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_what_denies_goes_before_what_allows(release: Release) -> None:
    plane, api = release.plane, Api(release.plane)
    namespaces = [plane.create_namespace(LABELS) for _ in range(_NAMESPACES)]

    def standing() -> int:
        return sum(len(api.items("NetworkPolicy", each)) for each in namespaces)

    try:
        release.start_operator()
        plane.apply(policy(NAME, LABELS, network={"mode": "Enforce"}))
        wait_for(lambda: standing() == _NAMESPACES * _EACH, "all stands")
        trail = Trail(plane)
        with _without_controllers(plane):
            plane.kubectl("delete", "hardeningpolicy", NAME)
            wait_for(lambda: not standing(), "all gone", 10)
        asked = sorted(trail.requests(), key=lambda each: each.at)
        gone = [
            each for each in asked if (each.verb, each.resource) == ("delete", "networkpolicies")
        ]
        assert {each.status for each in gone} == {HTTPStatus.OK}
        roles = [each.name.split("-", 2)[2] for each in gone]
        assert roles == ["isolate"] * _NAMESPACES + ["dns"] * _NAMESPACES
    finally:
        release.stop()
        plane.kubectl("delete", "hardeningpolicy", NAME, "--ignore-not-found")
        for each in namespaces:
            plane.delete_namespace(each)
        api.close()
