"""At rest: for two minutes nothing is written but the Lease, and little is read."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from e2e.api import Api, wait_for
from e2e.release import NAMESPACE, Release
from e2e.standing import POLICIES
from e2e.trail import Trail
from e2e.webhook import policy
from tests.support.manifests import good_pod, pod

TEAMS: Final = ("a", "b", "c")
OPERATOR: Final = "revet-operator"
_REST_S: Final = 120
_AUDIT_S: Final = 30
_NOBODY: Final = "203.0.113.1"  # an address of documents: nobody has it
_QUIET: Final = timedelta(seconds=5)


def _policies() -> list[dict[str, Any]]:
    labels = {"mode": "Enforce", "podSecurity": {"enforce": "baseline", "warn": "restricted"}}
    asked: dict[str, dict[str, Any]] = {
        "a": {"enforcement": "Enforce", "network": {"mode": "Enforce"}, "namespaces": labels},
        "b": {"enforcement": "Audit", "runtime": {}},
        "c": {"enforcement": "Warn", "network": {"mode": "Enforce", "isolate": ["Ingress"]}},
    }
    return [policy(f"rest-{team}", {"rest": team}, **asked[team]) for team in TEAMS]


def _is_done(api: Api, name: str) -> bool:
    """Tell whether a policy's status says that it stands, and that its pods were counted."""
    status = api.send("GET", f"{POLICIES}/{name}").body.get("status", {})
    conditions = {each["type"]: each["status"] for each in status.get("conditions", ())}
    said = conditions.get("Ready") == "True" and conditions.get("Drifted") == "False"
    return said and status.get("counts", {}).get("workloads", 0) > 0


def _have_an_ingest(release: Release, api: Api) -> None:
    """Have a replica that is ready and answers nobody, and wait until it was asked."""
    wait_for(lambda: "none is ready" in _said_of_the_feed(api), "nobody to ask", 60)
    release.plane.apply(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "revet-ingest-1",
                "namespace": NAMESPACE,
                "labels": {"kubernetes.io/service-name": "revet-ingest"},
            },
            "addressType": "IPv4",
            "ports": [{"name": "https", "port": 9444}],
            "endpoints": [{"addresses": [_NOBODY]}],
        }
    )
    wait_for(lambda: _NOBODY in _said_of_the_feed(api), "asked", 60)


def _said_of_the_feed(api: Api) -> str:
    status = api.send("GET", f"{POLICIES}/rest-b").body.get("status", {})
    said = [each for each in status.get("conditions", ()) if each["type"] == "RuntimeFeedHealthy"]
    return said[0]["message"] if said else ""


@pytest.fixture
def resting(release: Release) -> Iterator[tuple[Release, list[str]]]:
    """Give both processes with three policies, and five namespaces with pods, all as it should."""
    plane = release.plane
    release.install(f"operator.auditInterval={_AUDIT_S}", "ingest.enabled=true")
    api = Api(plane)
    namespaces = [plane.create_namespace({"rest": team}) for team in (*TEAMS, "a", "b")]
    try:
        release.start()
        for name in namespaces:
            assert api.create(good_pod(), name).is_success
        assert api.create(pod("bad"), namespaces[1]).is_success
        trail = Trail(plane)
        plane.apply(_policies())
        _have_an_ingest(release, api)
        for team in TEAMS:
            wait_for(lambda: _is_done(api, f"rest-{team}"), f"done for {team}", 60)  # noqa: B023
        wait_for(lambda: trail.writes()[-1].at < datetime.now(UTC) - _QUIET, "quiet", 60)
        yield release, namespaces
    finally:
        api.close()
        release.stop()
        release.install()
    plane.kubectl("delete", "hardeningpolicies", "--all")
    for name in namespaces:
        plane.delete_namespace(name)


def test_at_rest_only_the_lease_is_written(resting: tuple[Release, list[str]]) -> None:
    release, namespaces = resting
    trail = Trail(release.plane)
    end = time.monotonic() + _REST_S
    wait_for(lambda: trail.writes() or time.monotonic() > end, "the end of the rest", _REST_S + 9)
    asked = trail.requests()
    told = Counter((each.account, each.verb, each.resource) for each in asked)
    assert trail.writes() == [], told
    assert {each.account for each in asked if each.is_write} == {OPERATOR}
    # Every two seconds it asks for the Lease and renews it; more often it does not.
    lease = {verb: told.pop((OPERATOR, verb, "leases")) for verb in ("get", "update")}
    assert all(40 <= times <= 62 for times in lease.values()), lease
    # Its audits were among it; they read nothing. Watches end after half an hour to an hour.
    assert told.total() <= 4, told
    _see_that_it_counts(release, namespaces[0])


def _see_that_it_counts(release: Release, namespace: str) -> None:
    """Delete one object, and find the one write that puts it back, and the two that tell of it."""
    trail = Trail(release.plane)
    place = ("networkpolicies", f"--namespace={namespace}")
    found = json.loads(release.plane.kubectl("get", *place, "--output=json").stdout)
    name = found["items"][0]["metadata"]["name"]
    release.plane.kubectl("delete", *place[:1], name, *place[1:])
    expected = {
        ("patch", "networkpolicies", name),
        ("create", "events", ""),
        ("patch", "hardeningpolicies/status", "rest-a"),
    }
    wait_for(lambda: len(trail.writes()) >= len(expected), "written")
    written = [(each.verb, each.resource, each.name) for each in trail.writes()]
    assert (set(written), len(written)) == (expected, len(expected))
