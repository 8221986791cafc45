"""Policies that are not valid, or paused: what they had stays as it was, and the others work."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from e2e import live
from e2e.api import Answer, Api, wait_for
from e2e.newer_schema import UNKNOWN_VERSION, newer_schema
from e2e.release import Release
from e2e.webhook import policy
from revet.core.render.guard import NAME as GUARD
from tests.support.manifests import good_pod, workload

ENFORCE: Final = "pod-security.kubernetes.io/enforce"
KILL_SWITCH: Final = (
    "delete",
    "validatingwebhookconfiguration,mutatingwebhookconfiguration",
    "--selector=app.kubernetes.io/managed-by=revet",
)
_MENDED: Final = '--patch={"spec":{"standardVersion":null}}'
#: Not a Pod: that one would be refused for its namespace's Pod Security label already.
_BAD: Final = workload("Deployment", "bad")
_READY: Final = ("Ready", "Enforcing", "NetworkIsolated", "BaselineApplied")


@pytest.fixture(scope="module")
def running(release: Release) -> Iterator[Release]:
    """Run both processes; the API server takes policies that they can't read."""
    plane = release.plane
    try:
        release.start()
        with newer_schema(plane, _policy("probe", standardVersion=UNKNOWN_VERSION)):
            yield release
            plane.kubectl("delete", "hardeningpolicies", "--all")
    finally:
        release.stop()


@pytest.fixture
def clean(running: Release) -> Iterator[Release]:
    """Take all policies away after the test."""
    yield running
    running.plane.kubectl("delete", "hardeningpolicies", "--all")
    wait_for(lambda: not live.entries(running.plane), "rid of the entries")


@pytest.fixture
def api(running: Release) -> Iterator[Api]:
    """Give a connection of the admin's."""
    api = Api(running.plane)
    yield api
    api.close()


def _policy(name: str, **spec: object) -> dict[str, Any]:
    """Write a policy with every part, for namespaces labelled with its name."""
    namespaces = {"mode": "Enforce", "podSecurity": {"enforce": "restricted"}}
    parts = {"enforcement": "Enforce", "network": {"mode": "Enforce"}, "namespaces": namespaces}
    return policy(name, {name: "yes"}, **{**parts, **spec})


def _namespace(release: Release, name: str) -> str:
    return release.plane.create_namespace({name: "yes"})


def _try(api: Api, namespace: str, manifest: dict[str, Any]) -> Answer:
    return api.create(manifest, namespace, dry_run=True)


def _is_judged(api: Api, namespace: str, by: str) -> bool:
    """Tell whether what is bad is refused by the policy, and what is good let in."""
    refused = _try(api, namespace, _BAD).message
    return f"policy {by} (restricted)" in refused and _try(api, namespace, good_pod()).is_success


def _is_told(release: Release, name: str) -> bool:
    status, reason, message = live.condition(release.plane, name, "Accepted")
    return (status, reason) == ("False", "Invalid") and "spec.standardVersion" in message


def _spoil(release: Release, name: str) -> None:
    patch = f'--patch={{"spec":{{"standardVersion":"{UNKNOWN_VERSION}"}}}}'
    release.plane.kubectl("patch", "hardeningpolicy", name, "--type=merge", patch)
    wait_for(lambda: _is_told(release, name), "told that it is not valid")


def _guard(release: Release) -> object:
    return live.read(release.plane, "validatingadmissionpolicy", GUARD).get("spec")


def _served(release: Release, namespace: str) -> dict[str, object]:
    """Read what stands for a policy and its namespace."""
    plane = release.plane
    isolation = live.read(plane, "networkpolicies", f"--namespace={namespace}")
    return {
        "entries": live.entries(plane),
        "guard": _guard(release),
        "isolation": [(each["metadata"]["uid"], each["spec"]) for each in isolation["items"]],
        "labels": live.labels(plane, namespace),
    }


def _restart_operator(release: Release) -> None:
    """Restart it, and wait until it has looked at everything once."""
    release.operator.kill()
    release.start_operator()
    for about in ("cluster", "policy", "namespace"):
        wait_for(
            lambda: release.operator.metric("revet_reconciles_total", about=about) > 0,  # noqa: B023
            f"a look at each {about}",
        )


def test_one_that_never_was_valid_is_in_nobodys_way(clean: Release, api: Api) -> None:
    plane = clean.plane
    good = [f"good-{number}" for number in range(9)]
    namespaces = {name: _namespace(clean, name) for name in good}
    bad = _policy("bad", standardVersion=UNKNOWN_VERSION)
    plane.apply([bad, *map(_policy, good)])
    for name in good:
        live.wait_for_conditions(plane, name, *_READY)
    wait_for(lambda: _is_told(clean, "bad"), "told that it is not valid")
    _restart_operator(clean)
    for name, namespace in namespaces.items():
        wait_for(lambda: _is_judged(api, namespace, name), f"{name} in force")  # noqa: B023
        assert live.labels(plane, namespace)[ENFORCE] == "restricted"
        assert len(live.isolation(plane, namespace)) == 2
    # One of the good ones goes, with all that it had.
    plane.kubectl("delete", "hardeningpolicy", good[0])
    gone = namespaces[good[0]]
    wait_for(lambda: ENFORCE not in live.labels(plane, gone), "labels as before")
    wait_for(lambda: len(live.fail_paths(plane)) == 8, "entries of those that are left")
    wait_for(lambda: good[0] not in json.dumps(_guard(clean)), "guard of those that are left")
    for namespace in namespaces.values():
        plane.delete_namespace(namespace)


@pytest.fixture
def spoilt(clean: Release, api: Api) -> Iterator[str]:
    """Give the namespace of a policy that was in force and is not valid any more."""
    namespace = _namespace(clean, "spoilt")
    clean.plane.apply([_policy("spoilt"), _policy("other")])
    for name in ("spoilt", "other"):
        live.wait_for_conditions(clean.plane, name, *_READY)
    wait_for(lambda: _is_judged(api, namespace, "spoilt"), "in force")
    stood = _served(clean, namespace)
    _spoil(clean, "spoilt")
    assert _served(clean, namespace) == stood
    yield namespace
    clean.plane.delete_namespace(namespace)


def test_one_that_was_valid_stays_in_force(clean: Release, api: Api, spoilt: str) -> None:
    plane = clean.plane
    stood = _served(clean, spoilt)
    assert _is_judged(api, spoilt, "spoilt")
    # What is tampered with is put back, and a namespace that comes is hardened, as it was.
    isolated = live.isolation(plane, spoilt)
    plane.kubectl("delete", "networkpolicies", "--all", f"--namespace={spoilt}")
    plane.kubectl("label", "namespace", spoilt, f"{ENFORCE}=privileged", "--overwrite")
    plane.kubectl(*KILL_SWITCH)
    wait_for(lambda: live.isolation(plane, spoilt) == isolated, "isolated again")
    wait_for(lambda: live.labels(plane, spoilt) == stood["labels"], "labelled again")
    wait_for(lambda: live.entries(plane) == stood["entries"], "called again")
    late = _namespace(clean, "spoilt")
    wait_for(lambda: len(live.isolation(plane, late)) == 2, "isolated too")
    wait_for(lambda: _is_judged(api, late, "spoilt"), "judged too")
    assert live.condition(plane, "spoilt", "Enforcing")[0] == "True"
    plane.kubectl("patch", "hardeningpolicy", "spoilt", "--type=merge", _MENDED)
    live.wait_for_conditions(plane, "spoilt", "Accepted", *_READY)
    assert live.entries(plane) == stood["entries"]
    plane.delete_namespace(late)


def test_restarts_change_nothing_of_one_that_was_valid(
    clean: Release, api: Api, spoilt: str
) -> None:
    plane = clean.plane
    stood = _served(clean, spoilt)
    other = _namespace(clean, "other")
    _restart_operator(clean)
    wait_for(lambda: _is_judged(api, other, "other"), "the other one in force")
    # Others come, and go with all that they had.
    plane.apply(_policy("further"))
    live.wait_for_conditions(plane, "further", "Ready", "Enforcing")
    assert len(live.fail_paths(plane)) == 3
    assert "further" in json.dumps(_guard(clean))
    plane.kubectl("delete", "hardeningpolicy", "further")
    wait_for(lambda: live.entries(plane) == stood["entries"], "entries of those that are left")
    assert _is_judged(api, spoilt, "spoilt")
    # A webhook that starts anew does not know what to judge by, and so refuses.
    clean.webhook.kill()
    clean.webhook.start()
    assert "was not judged" in _try(api, spoilt, good_pod()).message
    assert _is_judged(api, other, "other")
    assert {**_served(clean, spoilt), "guard": None} == {**stood, "guard": None}
    assert "spoilt" in json.dumps(_guard(clean))
    plane.kubectl("patch", "hardeningpolicy", "spoilt", "--type=merge", _MENDED)
    wait_for(lambda: _is_judged(api, spoilt, "spoilt"), "judged again")
    live.wait_for_conditions(plane, "spoilt", "Accepted", *_READY)
    assert _served(clean, spoilt) == stood
    plane.delete_namespace(other)


def _pause(release: Release, name: str, *, paused: bool) -> None:
    annotation = "revet.dev/paused=true" if paused else "revet.dev/paused-"
    release.plane.kubectl("annotate", "hardeningpolicy", name, annotation)


def _tamper(release: Release, *namespaces: str) -> None:
    """Throw the kill switch, and take away what stands in the namespaces."""
    plane = release.plane
    plane.kubectl(*KILL_SWITCH)
    for namespace in namespaces:
        plane.kubectl("delete", "networkpolicies", "--all", f"--namespace={namespace}")
        plane.kubectl("label", "namespace", namespace, f"{ENFORCE}-")


def _is_hardened(release: Release, api: Api, namespace: str, by: str) -> bool:
    plane = release.plane
    return (
        live.labels(plane, namespace).get(ENFORCE) == "restricted"
        and len(live.isolation(plane, namespace)) == 2
        and _is_judged(api, namespace, by)
    )


def _is_open(release: Release, api: Api, namespace: str) -> bool:
    plane = release.plane
    return (
        ENFORCE not in live.labels(plane, namespace)
        and not live.isolation(plane, namespace)
        and _try(api, namespace, _BAD).is_success
    )


def test_what_a_paused_policy_had_is_not_put_back(clean: Release, api: Api) -> None:
    plane = clean.plane
    names = ("paused", "kept", "going")
    paused, kept, _ = namespaces = [_namespace(clean, name) for name in names]
    plane.apply([_policy(name) for name in names])
    for name in names:
        live.wait_for_conditions(plane, name, *_READY)
    _pause(clean, "paused", paused=True)
    wait_for(lambda: live.condition(plane, "paused", "Ready")[1] == "Paused", "told")
    # Hands off is not taken away: it is in force until somebody acts.
    assert _is_hardened(clean, api, paused, "paused")
    plane.kubectl("delete", "hardeningpolicy", "going")
    wait_for(lambda: len(live.fail_paths(plane)) == 2, "rid of what belongs to nobody")
    _tamper(clean, paused, kept)
    wait_for(lambda: _is_hardened(clean, api, kept, "kept"), "put back what is kept")
    assert _is_open(clean, api, paused)
    _restart_operator(clean)
    wait_for(lambda: _is_hardened(clean, api, kept, "kept"), "kept")
    assert _is_open(clean, api, paused)
    for kind in ("Enforcing", "NetworkIsolated", "BaselineApplied"):
        assert live.condition(plane, "paused", kind)[:2] == ("Unknown", "Paused")
    _pause(clean, "paused", paused=False)
    wait_for(lambda: _is_hardened(clean, api, paused, "paused"), "put back at the end")
    live.wait_for_conditions(plane, "paused", *_READY)
    for namespace in namespaces:
        plane.delete_namespace(namespace)


def test_the_kill_switch_stays_where_all_are_paused(clean: Release, api: Api) -> None:
    plane = clean.plane
    namespace = _namespace(clean, "paused")
    plane.apply(_policy("paused"))
    live.wait_for_conditions(plane, "paused", *_READY)
    _pause(clean, "paused", paused=True)
    wait_for(lambda: live.condition(plane, "paused", "Ready")[1] == "Paused", "told")
    _tamper(clean, namespace)
    wait_for(lambda: _is_open(clean, api, namespace), "open")
    _restart_operator(clean)
    assert not live.entries(plane)
    assert _is_open(clean, api, namespace)
    _pause(clean, "paused", paused=False)
    wait_for(lambda: _is_hardened(clean, api, namespace, "paused"), "put back")
    plane.delete_namespace(namespace)
