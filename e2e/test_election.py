"""Two operators: one leads, and when it dies, hangs or is asked to end, the other one does."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from typing import Final

import pytest

from e2e.api import wait_for
from e2e.program import Program
from e2e.release import Release
from e2e.trail import Request, Trail
from e2e.webhook import policy

LABELS: Final = {"elected": "yes"}
_ACCOUNT: Final = "revet-operator"
#: The Lease lasts 15 s after it was renewed, and who waits asks each 2 s.
_TAKEOVER_S: Final = 20


@pytest.fixture
def pair(release: Release) -> Iterator[list[Program]]:
    """Give two operators with an identity and a token each; the first one leads."""
    programs = []
    with ExitStack() as stack:
        for identity in ("first", "second"):
            title = f"revet-operator-{identity}"
            _, *flags = release.operator.flags
            flags += [f"--kubeconfig={release.sign_in(_ACCOUNT, title)}", f"--identity={identity}"]
            program = Program(release.plane, _ACCOUNT, flags, title)
            stack.callback(program.stop)
            program.start()
            programs.append(program)
            wait_for(lambda: _leads(programs[0]), "led", _TAKEOVER_S)
        yield programs


@pytest.fixture
def isolated(release: Release, pair: list[Program]) -> Iterator[str]:
    """Give a namespace with the NetworkPolicies that a policy asks for."""
    plane = release.plane
    name = plane.create_namespace(LABELS)
    assert not _leads(pair[1])
    plane.apply(policy("elected", LABELS, network={"mode": "Enforce"}))
    wait_for(lambda: _count_policies(release, name) == 2, "isolated")
    yield name
    plane.kubectl("delete", "hardeningpolicy", "elected")
    plane.delete_namespace(name)


def _leads(program: Program) -> bool:
    return program.metric("revet_leader") == 1


def _count_policies(release: Release, namespace: str) -> int:
    get = ("get", "networkpolicies", f"--namespace={namespace}", "--output=name")
    return len(release.plane.kubectl(*get).stdout.split())


def _delete_policies(release: Release, namespace: str) -> None:
    release.plane.kubectl("delete", "networkpolicies", "--all", f"--namespace={namespace}")


def _by_turns(trail: Trail) -> list[str]:
    """Name the tokens that wrote, each once for as long as no other did."""
    writes = sorted(trail.writes(), key=lambda each: each.at)
    tokens = [each.token for each in writes]
    return tokens[:1] + [later for sooner, later in pairwise(tokens) if sooner != later]


def _see_that_second_corrects(release: Release, namespace: str, trail: Trail) -> None:
    """See that what was deleted is back, and that the two have not written at the same time."""
    wait_for(lambda: _count_policies(release, namespace) == 2, "isolated again")
    turns = _by_turns(trail)
    assert len(turns) == 2, trail.writes()
    assert turns[0] != turns[1]


def test_the_second_takes_over_from_a_dead_leader(
    release: Release, pair: list[Program], isolated: str
) -> None:
    first, second = pair
    trail = Trail(release.plane)
    _delete_policies(release, isolated)
    wait_for(lambda: _count_policies(release, isolated) == 2, "put back by the first")
    first.kill()
    killed = time.monotonic()
    _delete_policies(release, isolated)
    wait_for(lambda: _leads(second), "taken over", _TAKEOVER_S)
    print(f"taken over after {time.monotonic() - killed:.1f} s")
    _see_that_second_corrects(release, isolated, trail)


def test_a_leader_that_is_asked_to_end_leaves_the_lease(
    release: Release, pair: list[Program], isolated: str
) -> None:
    first, second = pair
    trail = Trail(release.plane)
    _delete_policies(release, isolated)
    wait_for(lambda: _count_policies(release, isolated) == 2, "put back by the first")
    os.kill(first.pid, signal.SIGTERM)
    asked = time.monotonic()
    _delete_policies(release, isolated)
    # Long before the Lease would have run out.
    wait_for(lambda: _leads(second), "taken over", 10)
    print(f"taken over after {time.monotonic() - asked:.1f} s")
    assert first.events()[-1] == "stopped"
    _see_that_second_corrects(release, isolated, trail)


def test_a_leader_that_hung_ends_when_it_finds_another(
    release: Release, pair: list[Program], isolated: str
) -> None:
    first, second = pair
    first.suspend()
    try:
        wait_for(lambda: _leads(second), "taken over", _TAKEOVER_S)
        _delete_policies(release, isolated)
        wait_for(lambda: _count_policies(release, isolated) == 2, "put back by the second")
    finally:
        first.resume()
    wait_for(lambda: first.get("/healthz")[0] == 0, "the end of the first", 5)
    wait_for(lambda: first.events()[-1] == "stopped", "its last word", 5)
    assert first.logged()[-1]["reason"] == "the lease was lost"
    assert _leads(second)


def _holders(requests: list[Request]) -> set[str]:
    return {each.token for each in requests if each.resource == "leases" and each.is_write}


def test_who_waits_writes_nothing(release: Release, isolated: str) -> None:
    trail = Trail(release.plane)
    _delete_policies(release, isolated)
    wait_for(lambda: _count_policies(release, isolated) == 2, "put back by the first")
    # Both ask for the Lease, one renews it.
    wait_for(lambda: len({each.token for each in trail.requests()}) == 2, "asked by both")
    assert len(_by_turns(trail)) == 1
    wait_for(lambda: _holders(trail.requests()), "renewed")
    assert _holders(trail.requests()) == set(_by_turns(trail))
