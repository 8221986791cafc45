"""The operator on a real API server: what it keeps, what it corrects, and how it all goes away."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from e2e.api import wait_for
from e2e.release import Release
from e2e.webhook import policy

NAME: Final = "operated"
LABELS: Final = {"operated": "yes"}
ENFORCE: Final = "pod-security.kubernetes.io/enforce"
BEFORE: Final = "revet.dev/pod-security-before"
ENTRIES: Final = "validatingwebhookconfiguration/revet"


@pytest.fixture
def namespace(running: Release) -> Iterator[str]:
    """Give a namespace, privileged before, that a policy with every part selects."""
    plane = running.plane
    name = plane.create_namespace({**LABELS, ENFORCE: "privileged"})
    plane.apply(_policy())
    for condition in ("Ready", "Enforcing", "NetworkIsolated", "BaselineApplied"):
        wait = ("wait", f"hardeningpolicy/{NAME}", f"--for=condition={condition}")
        plane.kubectl(*wait, "--timeout=30s")
    yield name
    plane.kubectl("delete", "hardeningpolicy", NAME, "--ignore-not-found")
    # By the garbage collector, which looks for new kinds of owners, such as ours, each 30 s.
    place = ("networkpolicies", f"--namespace={name}")
    wait_for(lambda: not _names(running, *place), "all taken back", timeout_s=90)
    plane.delete_namespace(name)


def _policy() -> dict[str, Any]:
    labels = {"mode": "Enforce", "podSecurity": {"enforce": "restricted"}}
    return policy(
        NAME, LABELS, enforcement="Enforce", network={"mode": "Enforce"}, namespaces=labels
    )


def _names(release: Release, *what: str) -> list[str]:
    get = ("get", *what, "--ignore-not-found", "--output=name")
    return release.plane.kubectl(*get).stdout.split()


def _read(release: Release, *what: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(release.plane.kubectl("get", *what, "--output=json").stdout)
    return found


def _metadata(release: Release, namespace: str, part: str) -> dict[str, str]:
    found: dict[str, str] = _read(release, "namespace", namespace)["metadata"].get(part, {})
    return found


def _has_labels_of_before(release: Release, namespace: str) -> bool:
    labels = _metadata(release, namespace, "labels")
    ours = {key for key in labels if key.startswith("pod-security.kubernetes.io/")}
    return (
        ours == {ENFORCE}
        and labels[ENFORCE] == "privileged"
        and BEFORE not in _metadata(release, namespace, "annotations")
    )


def test_what_is_deleted_comes_back(running: Release, namespace: str) -> None:
    place = ("networkpolicies", f"--namespace={namespace}")
    stood = _names(running, *place)
    assert len(stood) == 2
    running.plane.kubectl("delete", *place, "--all")
    wait_for(lambda: _names(running, *place) == stood, "isolated again")
    running.plane.kubectl("delete", *ENTRIES.split("/"))
    wait_for(lambda: _names(running, ENTRIES), "called again")

    def policies() -> dict[str, str]:
        return {
            each["name"].partition("-")[0]: each["failurePolicy"]
            for each in _read(running, ENTRIES)["webhooks"]
        }

    # What no control in Enforce judges goes by an entry that never refuses; the other one comes
    # back when the webhook has answered for it.
    wait_for(lambda: policies() == {"enforce": "Fail", "audit": "Ignore"}, "both entries")
    message = ("get", f"hardeningpolicy/{NAME}", "--output=jsonpath={.status.conditions}")
    wait_for(lambda: "was deleted" in running.plane.kubectl(*message).stdout, "told in the status")


@pytest.mark.parametrize("index", [0, 1])
def test_a_condition_that_others_add_is_removed(
    running: Release, namespace: str, index: int
) -> None:
    stood = _read(running, ENTRIES)["webhooks"]
    edited = _read(running, ENTRIES)
    conditions = edited["webhooks"][index].setdefault("matchConditions", [])
    conditions.append({"name": "nothing", "expression": f"request.namespace != '{namespace}'"})
    running.plane.kubectl("replace", "--filename=-", input=json.dumps(edited))
    wait_for(lambda: _read(running, ENTRIES)["webhooks"] == stood, "without the condition")


def test_labels_are_kept_and_put_back(running: Release, namespace: str) -> None:
    assert _metadata(running, namespace, "labels")[ENFORCE] == "restricted"
    label = ("label", "namespace", namespace, "--overwrite")
    running.plane.kubectl(*label, f"{ENFORCE}=baseline")
    wait_for(
        lambda: _metadata(running, namespace, "labels")[ENFORCE] == "restricted", "strict again"
    )
    running.plane.kubectl("delete", "hardeningpolicy", NAME)
    wait_for(lambda: _has_labels_of_before(running, namespace), "as before")


def test_an_annotation_without_labels_goes_and_changes_nothing(running: Release) -> None:
    said = json.dumps({"team": None, "tier": "prod"})
    name = running.plane.create_namespace({"team": "a"})
    running.plane.kubectl("annotate", "namespace", name, f"{BEFORE}={said}")
    wait_for(lambda: BEFORE not in _metadata(running, name, "annotations"), "forgotten")
    labels = _metadata(running, name, "labels")
    assert labels["team"] == "a"
    assert "tier" not in labels
    running.plane.delete_namespace(name)


def test_pods_that_ran_before_are_counted(running: Release) -> None:
    plane = running.plane
    labels = {"counted": "yes"}
    name = plane.create_namespace(labels)
    pod: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "old", "namespace": name},
        "spec": {"containers": [{"name": "app", "image": "a", "stdin": True}]},
    }
    pod["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    plane.apply(pod)
    plane.apply(policy(NAME, labels))
    counts = {
        "namespaces": 1,
        "workloads": 1,
        "wouldBeDenied": 1,
        # The pod, and the namespace, which has neither a Pod Security label nor a NetworkPolicy.
        "nonCompliant": 2,
        "notChecked": 0,
    }
    wait_for(
        lambda: _read(running, f"hardeningpolicy/{NAME}").get("status", {}).get("counts") == counts,
        "counted",
    )
    top = _read(running, f"hardeningpolicy/{NAME}")["status"]["topFindings"]
    assert ("privileged-containers", "Pod/old") in {
        (each["control"], each["workload"]) for each in top
    }
    plane.kubectl("delete", "hardeningpolicy", NAME)
    plane.delete_namespace(name)


def _copy_isolation(release: Release, namespace: str) -> str:
    """Copy a NetworkPolicy into a namespace of its own, and return that one's name."""
    plane = release.plane
    found = _read(release, "networkpolicies", f"--namespace={namespace}")["items"][0]
    place = plane.create_namespace()
    metadata = {"name": found["metadata"]["name"], "labels": found["metadata"]["labels"]}
    plane.apply({**found, "metadata": {**metadata, "namespace": place}})
    return place


def _clean_up(release: Release, namespace: str) -> str:
    revet = str(Path(sys.executable).parent / "revet")
    command = (revet, "cleanup", "--yes", "--kubeconfig", str(release.plane.kubeconfig))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"put back the Pod Security labels of Namespace {namespace}\n" in done.stdout
    assert _names(release, "hardeningpolicies") == []
    assert _has_labels_of_before(release, namespace)
    return done.stdout


def test_cleanup_beside_a_live_operator_ends_the_same(running: Release, namespace: str) -> None:
    _clean_up(running, namespace)
    wait_for(lambda: not _names(running, ENTRIES), "rid of its entries")


def test_cleanup_takes_all_of_it_back_without_an_operator(running: Release, namespace: str) -> None:
    copied = _copy_isolation(running, namespace)
    running.operator.kill()
    try:
        said = _clean_up(running, namespace)
        managed = "--selector=app.kubernetes.io/managed-by=revet"
        kinds = (
            "validatingwebhookconfigurations,mutatingwebhookconfigurations,networkpolicies,"
            "validatingadmissionpolicies,validatingadmissionpolicybindings"
        )
        left = _names(running, kinds, "--all-namespaces", managed)
        [copy] = _names(running, "networkpolicies", f"--namespace={copied}")
        assert left == [copy]
        name = copy.rpartition("/")[2]
        assert f"NetworkPolicy {copied}/{name}: left alone: labelled, not ours\n" in said
    finally:
        running.start_operator()
    running.plane.delete_namespace(copied)
