"""No absence of our making: through a thousand edits we delete nothing that should stand."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Final

import pytest

from e2e.api import MERGE, Api, wait_for
from e2e.release import Release
from e2e.trail import Request, Trail
from e2e.turmoil import MOODS, STEADY, Place, Turmoil, stands, was_wanted

EDITS: Final = 1000
SEED: Final = 20_261_122
_BACK_S: Final = 5.0
_NAMESPACES: Final = 6
_KIND: Final = "NetworkPolicy"


@pytest.fixture
def namespaces(release: Release) -> Iterator[list[str]]:
    """Give namespaces, with the operator running."""
    plane = release.plane
    names = [plane.create_namespace({"turmoil": "yes"}) for _ in range(_NAMESPACES)]
    release.start_operator()
    yield names
    release.operator.stop()
    plane.kubectl("delete", "hardeningpolicies", STEADY, *MOODS)
    for name in names:
        plane.delete_namespace(name)


def _gaps(trail: Trail, deleted: list[tuple[datetime, Place]]) -> list[float]:
    """Return how long after each delete we have written it again."""
    written = [each for each in trail.writes() if each.verb == "patch"]
    return [
        min(
            (each.at - at).total_seconds()
            for each in written
            if (each.namespace, each.name) == place and each.at >= at
        )
        for at, place in deleted
    ]


def test_nothing_that_should_stand_is_deleted_by_us(
    release: Release, namespaces: list[str]
) -> None:
    api = Api(release.plane)
    trail = Trail(release.plane)
    turmoil = Turmoil(api, namespaces, SEED)
    wait_for(lambda: stands(api, namespaces) == turmoil.wanted, "all stands", 60)
    _see_that_an_edit_is_told(release, api, namespaces[0], turmoil)
    version = api.send("GET", "/apis/networking.k8s.io/v1/networkpolicies").body["metadata"]
    for _ in range(EDITS):
        turmoil.edit()
    wait_for(lambda: stands(api, namespaces) == turmoil.wanted, "as wanted again", 60)
    by_us = [each for each in trail.requests() if each.verb == "delete"]
    wrong = [each for each in by_us if was_wanted(turmoil.book, _place(each), each.at)]
    assert wrong == []
    # They were many, so that this says something; and what was wanted all the time went only
    # when others took it.
    assert len(by_us) > EDITS / 50
    steady = turmoil.steady()
    assert len(steady) == 2 * _NAMESPACES
    gone = _deleted_since(release, version["resourceVersion"])
    taken = Counter(place for _, place in turmoil.deleted)
    assert {each: gone[each] for each in steady} == {each: taken[each] for each in steady}
    assert sum(taken.values()) > EDITS / 10
    _see_that_all_comes_back(release, api, namespaces, turmoil)
    api.close()


def _place(request: Request) -> Place:
    return request.namespace, request.name


def _see_that_an_edit_is_told(release: Release, api: Api, namespace: str, turmoil: Turmoil) -> None:
    """Edit one as somebody, and find the Event that names who it was."""
    name = next(name for home, name in sorted(turmoil.wanted) if home == namespace)
    path = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies/{name}"
    before = release.operator.metric("revet_drift_corrections_total", kind=_KIND)
    change = {"spec": {"podSelector": {"matchLabels": {"app": "none"}}}}
    assert api.send("PATCH", f"{path}?fieldManager=meddler", change, MERGE).is_success
    get = ("get", "events", f"--namespace={namespace}", "--output=json")

    def notes() -> list[str]:
        items = json.loads(release.plane.kubectl(*get).stdout)["items"]
        return [each["message"] for each in items if each["reason"] == "DriftCorrected"]

    wait_for(lambda: any("by meddler" in note for note in notes()), "an Event")
    assert release.operator.metric("revet_drift_corrections_total", kind=_KIND) == before + 1


def _see_that_all_comes_back(
    release: Release, api: Api, namespaces: list[str], turmoil: Turmoil
) -> None:
    """Delete all of them, and measure how long each was away, by the audit log."""
    trail = Trail(release.plane)
    before = release.operator.metric("revet_drift_corrections_total", kind=_KIND)
    first = len(turmoil.deleted)
    for place in sorted(turmoil.wanted):
        turmoil.delete_one(place)
    deleted = turmoil.deleted[first:]
    assert len(deleted) == len(turmoil.wanted)
    wait_for(lambda: stands(api, namespaces) == turmoil.wanted, "all back", 60)
    wait_for(lambda: len(trail.writes()) >= len(deleted), "all in the log")
    assert max(_gaps(trail, deleted)) <= _BACK_S
    after = release.operator.metric("revet_drift_corrections_total", kind=_KIND)
    assert after - before == len(deleted)


def _deleted_since(release: Release, version: str) -> Counter[Place]:
    """Watch from a version on, and count what has gone since, by its place."""
    path = "/apis/networking.k8s.io/v1/networkpolicies"
    query = f"?watch=1&resourceVersion={version}&timeoutSeconds=2"
    told = release.plane.kubectl("get", f"--raw={path}{query}").stdout
    events = [json.loads(line) for line in told.splitlines()]
    assert all(each["type"] != "ERROR" for each in events), events[-1]
    gone = (each["object"]["metadata"] for each in events if each["type"] == "DELETED")
    return Counter((each["namespace"], each["name"]) for each in gone)
