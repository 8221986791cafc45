"""A webhook that hangs while policies wait for its word: what else is kept, is kept in time."""

import time
from collections.abc import Iterator
from typing import Final

import pytest

from e2e.api import wait_for
from e2e.release import Release
from e2e.webhook import policy

LABELS: Final = {"kept": "yes"}
LATE: Final = ("late-a", "late-b", "late-c")
#: By the design: what somebody deletes stands again within this time.
BAR_S: Final = 5.0


@pytest.fixture(scope="module")
def kept(release: Release) -> Iterator[str]:
    """Give a namespace that a policy isolates, while both processes run."""
    try:
        release.start()
        name = release.plane.create_namespace(LABELS)
        release.plane.apply(policy("kept", LABELS, network={"mode": "Enforce"}))
        wait = ("wait", "hardeningpolicy/kept", "--for=condition=NetworkIsolated", "--timeout=60s")
        release.plane.kubectl(*wait)
        yield name
        release.plane.delete_namespace(name)
    finally:
        release.stop()


def _policies(release: Release, namespace: str) -> list[str]:
    get = ("get", "networkpolicies", f"--namespace={namespace}", "--output=name")
    return release.plane.kubectl(*get).stdout.split()


def _enforcing(release: Release, name: str) -> tuple[str, str]:
    found = "{.status.conditions[?(@.type=='Enforcing')]['status','message']}"
    get = ("get", f"hardeningpolicy/{name}", f"--output=jsonpath={found}")
    truth, _, message = release.plane.kubectl(*get).stdout.partition(" ")
    return truth, message


def test_a_hung_webhook_holds_up_no_correction(release: Release, kept: str) -> None:
    stood = _policies(release, kept)
    assert len(stood) == 2
    release.webhook.suspend()
    try:
        release.plane.apply([policy(each, {each: "yes"}, enforcement="Enforce") for each in LATE])
        for each in LATE:
            silent = f"no answer from {release.url}"
            wait_for(lambda: silent in _enforcing(release, each)[1], "told whom it waits for")  # noqa: B023
        for _ in range(3):
            began = time.monotonic()
            release.plane.kubectl(
                "delete", "networkpolicies", "--all", f"--namespace={kept}", "--wait=false"
            )
            wait_for(lambda: _policies(release, kept) == stood, "isolated again")
            assert time.monotonic() - began < BAR_S
        assert [_enforcing(release, each)[0] for each in LATE] == ["False"] * 3
    finally:
        release.webhook.resume()
    for each in LATE:
        wait_for(lambda: _enforcing(release, each)[0] == "True", "in force")  # noqa: B023
