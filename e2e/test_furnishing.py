"""Quotas, limits and the token of the default account: written, kept, respected, and taken back."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from e2e.api import Api, wait_for
from e2e.baselines import (
    ACCOUNT,
    ASKED,
    FIELD,
    HARD,
    LIMITS,
    STORED,
    account,
    asking,
    is_bare,
    is_furnished,
    limits,
    quotas,
)
from e2e.live import condition, wait_for_conditions
from e2e.release import Release
from e2e.trail import Trail
from tests.support.manifests import Manifest

NAME: Final = "furnished"
OTHER: Final = "furnished-too"
BEFORE: Final = "revet.dev/automount-before"
#: The garbage collector looks for new kinds of owners, such as ours, each 30 s.
COLLECTED_S: Final = 90


@pytest.fixture
def namespace(running: Release) -> Iterator[str]:
    """Give a namespace that both policies select, neither of which is there."""
    plane = running.plane
    name = plane.create_namespace({NAME: "yes", OTHER: "yes"})
    yield name
    plane.kubectl("delete", "hardeningpolicies", NAME, OTHER, "--ignore-not-found")
    plane.delete_namespace(name)


def _furnish(release: Release, api: Api, namespace: str, **spec: object) -> None:
    release.plane.apply(asking(NAME, {**ASKED, **spec}))
    wait_for(lambda: is_furnished(api, namespace), "furnished")
    wait_for_conditions(release.plane, NAME, "BaselineApplied")


def _quota(name: str, hard: object) -> Manifest:
    metadata = {"name": name}
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": metadata,
        "spec": {"hard": hard},
    }


def _own(api: Api, namespace: str) -> Manifest:
    [name] = quotas(api, namespace)
    return _quota(name, {})


def _told(release: Release, kind: str, text: str) -> None:
    def is_told() -> bool:
        return any(text in each for each in condition(release.plane, NAME, kind))

    wait_for(is_told, f"{kind}: {text}")


def test_each_is_written_once(running: Release, api: Api, namespace: str) -> None:
    trail = Trail(running.plane)
    _furnish(running, api, namespace)
    [item] = limits(api, namespace).values()
    assert item[0]["default"] == {"cpu": "1", "memory": "256Mi"}
    [quota] = api.items("ResourceQuota", namespace)
    metadata = quota["metadata"]
    assert metadata["annotations"] == {
        "revet.dev/policy": NAME,
        "revet.dev/source": "spec.namespaces.resourceQuota",
    }
    assert metadata["ownerReferences"][0]["name"] == NAME
    # An event for every object, and a second look at all of them, lead to no second write.
    running.plane.kubectl("annotate", "hardeningpolicy", NAME, "looked=again")
    running.plane.kubectl("label", "namespace", namespace, "looked=again")
    wait_for(lambda: condition(running.plane, NAME, "Ready")[0] == "True", "ready")
    written = [each.resource for each in trail.writes() if each.namespace == namespace]
    assert sorted(written) == ["limitranges", "resourcequotas", "serviceaccounts"]
    assert condition(running.plane, NAME, "Drifted")[0] == "False"


def test_foreign_edits_are_undone(running: Release, api: Api, namespace: str) -> None:
    _furnish(running, api, namespace)
    own = _own(api, namespace)
    assert api.patch(own, namespace, {"spec": {"hard": {"pods": "999"}}}).is_success
    wait_for(lambda: is_furnished(api, namespace), "20 pods again")
    assert api.patch(own, namespace, {"spec": {"hard": {"services": "1"}}}).is_success
    wait_for(lambda: is_furnished(api, namespace), "without the bound on services")
    for kind in ("ResourceQuota", "LimitRange"):
        [found] = api.items(kind, namespace)
        assert api.delete({**found, "kind": kind}, namespace).is_success
        wait_for(lambda: is_furnished(api, namespace), f"{kind} again")
    assert api.patch(ACCOUNT, namespace, {FIELD: True}).is_success
    wait_for(lambda: is_furnished(api, namespace), "no token again")
    _told(running, "Drifted", f"ServiceAccount {namespace}/default was edited at {FIELD} by ")


def test_foreign_edits_are_only_told(running: Release, api: Api, namespace: str) -> None:
    _furnish(running, api, namespace, drift="Report")
    trail = Trail(running.plane)
    own = _own(api, namespace)
    assert api.patch(own, namespace, {"spec": {"hard": {"pods": "999"}}}).is_success
    assert api.patch(ACCOUNT, namespace, {FIELD: None}).is_success
    [found] = api.items("LimitRange", namespace)
    assert api.delete({**found, "kind": "LimitRange"}, namespace).is_success
    _told(running, "Drifted", "Reported")
    for text in ("the ResourceQuota is", "the LimitRange is", "the ServiceAccount default is"):
        _told(running, "BaselineApplied", f"{text} not as it was written, and stays so")
    assert not [each for each in trail.writes() if each.namespace == namespace]
    # What the policy asks for anew is written all the same.
    changed = {**ASKED, "drift": "Report", "resourceQuota": {"hard": {**HARD, "pods": 21}}}
    running.plane.apply(asking(NAME, changed))
    wait_for(lambda: [*quotas(api, namespace).values()] == [STORED | {"pods": "21"}], "21 pods")
    assert not limits(api, namespace)


def test_what_people_have_counts_as_there(running: Release, api: Api, namespace: str) -> None:
    theirs = _quota("tenant", {**STORED, "pods": "500", "services": "3"})
    assert api.create(theirs, namespace).is_success
    running.plane.apply(asking(NAME))
    _told(running, "BaselineApplied", "somebody's own ResourceQuota (tenant) counts")
    assert condition(running.plane, NAME, "BaselineApplied")[:2] == ("True", "Respected")
    assert list(quotas(api, namespace)) == ["tenant"]
    # With less than ours says, ours comes beside it; and goes again when theirs says it all.
    assert api.patch(theirs, namespace, {"spec": {"hard": {"limits.memory": None}}}).is_success
    wait_for(lambda: len(quotas(api, namespace)) == 2, "both")
    assert api.patch(theirs, namespace, {"spec": {"hard": {"limits.memory": "1Gi"}}}).is_success
    wait_for(lambda: list(quotas(api, namespace)) == ["tenant"], "theirs alone")
    assert api.delete(theirs, namespace).is_success
    wait_for(lambda: is_furnished(api, namespace), "ours")


def test_all_is_taken_back(running: Release, api: Api, namespace: str) -> None:
    assert api.patch(ACCOUNT, namespace, {FIELD: True}).is_success
    bare = running.plane.create_namespace({NAME: "yes"})
    _furnish(running, api, namespace)
    wait_for(lambda: is_furnished(api, bare), "furnished")
    assert account(api, namespace)["metadata"]["annotations"] == {BEFORE: "true"}
    running.plane.kubectl("delete", "hardeningpolicy", NAME)
    wait_for(lambda: is_bare(api, bare), "bare again", COLLECTED_S)
    wait_for(lambda: account(api, namespace).get(FIELD) is True, "true again")
    assert "annotations" not in account(api, namespace)["metadata"]
    running.plane.delete_namespace(bare)


def test_it_is_taken_back_by_whoever_leads_next(running: Release, api: Api, namespace: str) -> None:
    _furnish(running, api, namespace)
    running.operator.kill()
    running.plane.apply(asking(NAME, {"mode": "Enforce", "limitRange": {"limits": [LIMITS]}}))
    running.start_operator()
    wait_for(lambda: not quotas(api, namespace), "no quota")
    wait_for(lambda: FIELD not in account(api, namespace), "as before")
    assert len(limits(api, namespace)) == 1
    running.operator.kill()
    running.plane.kubectl("delete", "hardeningpolicy", NAME)
    running.start_operator()
    wait_for(lambda: is_bare(api, namespace), "bare again", COLLECTED_S)


def test_what_changed_while_nobody_led_is_undone(
    running: Release, api: Api, namespace: str
) -> None:
    _furnish(running, api, namespace)
    running.operator.kill()
    assert api.patch(_own(api, namespace), namespace, {"spec": {"hard": {"pods": "9"}}}).is_success
    assert api.patch(ACCOUNT, namespace, {FIELD: None}).is_success
    [found] = api.items("LimitRange", namespace)
    assert api.delete({**found, "kind": "LimitRange"}, namespace).is_success
    running.start_operator()
    wait_for(lambda: is_furnished(api, namespace), "furnished again")


def test_what_is_only_told_is_left_by_whoever_leads_next(
    running: Release, api: Api, namespace: str
) -> None:
    _furnish(running, api, namespace, drift="Report")
    running.operator.kill()
    assert api.patch(_own(api, namespace), namespace, {"spec": {"hard": {"pods": "9"}}}).is_success
    running.start_operator()
    _told(running, "Drifted", "ResourceQuota")
    assert condition(running.plane, NAME, "Drifted")[1] == "Reported"
    assert [*quotas(api, namespace).values()] == [STORED | {"pods": "9"}]


def test_of_two_policies_the_stricter_holds(running: Release, api: Api, namespace: str) -> None:
    _furnish(running, api, namespace)
    stricter = {**LIMITS, "max": {"memory": "512Mi"}}
    asked = {**ASKED, "resourceQuota": {"hard": {"pods": 5}}, "limitRange": {"limits": [stricter]}}
    running.plane.apply(asking(OTHER, asked))
    # Of quotas both count; of limits only one set may say what the default is.
    wait_for(lambda: len(quotas(api, namespace)) == 2, "both quotas")
    [held] = limits(api, namespace)
    _told(running, "Conflicting", f"{NAME}, {OTHER} ask for different LimitRanges; the first")
    _told(running, "Conflicting", f"{NAME}, {OTHER} ask for different ResourceQuotas; all")
    running.plane.kubectl("delete", "hardeningpolicy", NAME)
    wait_for(lambda: held not in limits(api, namespace), "the other's limits", COLLECTED_S)
    wait_for(lambda: len(limits(api, namespace)) == 1, "the other's limits")
    assert account(api, namespace)[FIELD] is False


def test_a_quota_with_other_scopes_takes_the_place_of_the_old_one(
    running: Release, api: Api, namespace: str
) -> None:
    _furnish(running, api, namespace)
    [old] = quotas(api, namespace)
    scoped = {"hard": {"pods": 9}, "scopes": ["NotTerminating"]}
    running.plane.apply(asking(NAME, {**ASKED, "resourceQuota": scoped}))
    wait_for(lambda: [*quotas(api, namespace).values()] == [{"pods": "9"}], "scoped")
    assert old not in quotas(api, namespace)


def test_system_namespaces_are_left_alone(running: Release, api: Api) -> None:
    names = ["kube-public", "default"]
    selector = {
        "matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "In", "values": names}
        ]
    }
    running.plane.apply(asking(NAME, namespaceSelector=selector))
    wait_for(lambda: is_furnished(api, "default"), "furnished")
    _told(running, "BaselineApplied", "kube-public: a system namespace: it gets labels")
    assert is_bare(api, "kube-public")
    running.plane.kubectl("delete", "hardeningpolicy", NAME)
    wait_for(lambda: is_bare(api, "default"), "bare again", COLLECTED_S)


def test_cleanup_takes_it_back_without_an_operator(
    running: Release, api: Api, namespace: str
) -> None:
    assert api.patch(ACCOUNT, namespace, {FIELD: True}).is_success
    theirs = _quota("tenant", {"services": "3"})
    assert api.create(theirs, namespace).is_success
    running.plane.apply(asking(NAME))
    wait_for(lambda: len(quotas(api, namespace)) == 2, "both quotas")
    wait_for(lambda: account(api, namespace)[FIELD] is False, "no token")
    running.operator.kill()
    try:
        revet = str(Path(sys.executable).parent / "revet")
        command = (revet, "cleanup", "--yes", f"--kubeconfig={running.plane.kubeconfig}")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"put back {FIELD} of ServiceAccount {namespace}/default" in done.stdout
        assert list(quotas(api, namespace)) == ["tenant"]
        assert not limits(api, namespace)
        assert account(api, namespace)[FIELD] is True
    finally:
        running.start_operator()


def test_nothing_was_refused_to_the_operator(running: Release) -> None:
    refused = [line for line in map(str, running.operator.logged()) if " cannot " in line]
    assert refused == []
