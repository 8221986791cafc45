"""Who tampers with what is ours: copies that carry our label, and clouds that rewrite entries."""

import json
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from e2e import live
from e2e.api import wait_for
from e2e.release import NAMESPACE, Release
from e2e.rewriter import Rewriter, add_term, set_timeout
from e2e.webhook import policy

NAME: Final = "tampered"
LABELS: Final = {"tampered": "yes"}
#: What a cloud adds to selectors: one that the chart's values list, and one that they don't.
LISTED: Final = "cloud.example/managed"
UNLISTED: Final = "cloud.example/of-ours"
MANAGER: Final = "enforcer"
_OPERATOR: Final = f"system:serviceaccount:{NAMESPACE}:revet-operator"

Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def running(release: Release) -> Iterator[Release]:
    """Run both processes; one key of a cloud's is tolerated."""
    release.install(f"toleratedKeys[0]={LISTED}")
    try:
        release.start()
        yield release
    finally:
        release.stop()


@pytest.fixture
def namespace(running: Release) -> Iterator[str]:
    """Give a namespace in which all of the policy stands, kept by an operator just started.

    So that it remembers no edit of another test.
    """
    plane = running.plane
    running.operator.stop()
    running.start_operator()
    name = plane.create_namespace(LABELS)
    plane.apply(_policy())
    live.wait_for_conditions(plane, NAME, "Ready", "Enforcing", "NetworkIsolated")
    yield name
    plane.kubectl("delete", "hardeningpolicy", NAME)
    wait_for(lambda: not live.entries(plane), "rid of the entries")
    plane.delete_namespace(name)


def _policy(isolation: str = "Enforce") -> Manifest:
    return policy(NAME, LABELS, enforcement="Enforce", network={"mode": isolation})


def _copy(original: Manifest, name: str, owner: Manifest | None = None) -> Manifest:
    """Write what `kubectl get --output=yaml` shows under another name, with another owner."""
    metadata = {"name": name, "labels": original["metadata"]["labels"]}
    if "namespace" in original["metadata"]:
        metadata["namespace"] = original["metadata"]["namespace"]
    if owner is not None:
        kept = {key: owner[key] for key in ("apiVersion", "kind")}
        identity = {key: owner["metadata"][key] for key in ("name", "uid")}
        metadata["ownerReferences"] = [kept | identity]
    return {**original, "metadata": metadata}


def _create(release: Release, manifest: Manifest) -> Manifest:
    create = ("create", "--filename=-", "--output=json")
    made: Manifest = json.loads(release.plane.kubectl(*create, input=json.dumps(manifest)).stdout)
    return made


def _copies(release: Release, namespace: str, elsewhere: str) -> list[Manifest]:
    """Copy what is ours: without owner, with somebody else's, and into another namespace."""
    plane = release.plane
    place = f"--namespace={namespace}"
    own = live.read(plane, live.isolation(plane, namespace)[0], place)
    owner = live.read(plane, "configmap/kube-root-ca.crt", place)
    moved = _copy(own, own["metadata"]["name"])
    moved["metadata"]["namespace"] = elsewhere
    entries = live.read(plane, live.ENTRIES)
    role = live.read(plane, "clusterrole/view")
    copies = (
        _copy(own, "copied"),
        _copy(own, "adopted", owner),
        moved,
        _copy(entries, "copied"),
        _copy(entries, "adopted", role),
    )
    return [_create(release, each) for each in copies]


def _again(release: Release, made: Manifest) -> Manifest:
    metadata = made["metadata"]
    place = f"--namespace={metadata.get('namespace', '')}"
    return live.read(release.plane, made["kind"], metadata["name"], place)


def test_copies_with_our_label_are_nobodys_business(running: Release, namespace: str) -> None:
    plane = running.plane
    place = ("networkpolicies", f"--namespace={namespace}")
    stood = live.isolation(plane, namespace)
    elsewhere = plane.create_namespace()
    copies = _copies(running, namespace, elsewhere)
    try:
        plane.kubectl("delete", *place, *(each.rpartition("/")[2] for each in stood))
        plane.kubectl("delete", *live.ENTRIES.split("/"))
        with_copies = {*stood, *(f"{each.partition('/')[0]}/copied" for each in stood)}
        wait_for(lambda: with_copies <= set(live.isolation(plane, namespace)), "isolated again")
        wait_for(lambda: live.entries(plane), "called again")
        # What is ours goes, and comes, as if there were no copies: also to an operator that
        # finds them when it starts.
        plane.apply(_policy("Audit"))
        wait_for(lambda: not {*stood} & {*live.isolation(plane, namespace)}, "isolated no more")
        running.operator.stop()
        running.start_operator()
        plane.apply(_policy())
        wait_for(lambda: {*stood} <= {*live.isolation(plane, namespace)}, "isolated once more")
        assert [_again(running, each) for each in copies] == copies
    finally:
        plane.kubectl("delete", "validatingwebhookconfigurations", "copied", "adopted")
        plane.delete_namespace(elsewhere)


def _is_labelled(release: Release, name: str, place: str) -> bool:
    labels = live.read(release.plane, name, place)["metadata"].get("labels", {})
    return bool(labels.get("app.kubernetes.io/managed-by") == "revet")


def test_an_object_that_lost_our_label_is_kept_again(running: Release, namespace: str) -> None:
    """A watch by that label says it is deleted, and what is deleted does not come back."""
    plane, place = running.plane, f"--namespace={namespace}"
    name = next(each for each in live.isolation(plane, namespace) if "isolate" in each)
    stood = live.read(plane, name, place)["spec"]
    for _ in range(2):
        plane.kubectl("label", name, place, "app.kubernetes.io/managed-by-")
        wait_for(lambda: _is_labelled(running, name, place), "labelled again")
        plane.kubectl("patch", name, place, "--type=merge", '--patch={"spec":{"ingress":[{}]}}')
        wait_for(lambda: live.read(plane, name, place)["spec"] == stood, "closed again", 5)


def _stands(release: Release, name: str, place: str, uid: str, spec: Manifest) -> bool:
    """Tell whether an object of ours has its spec, and its owner alone."""
    answer = release.plane.kubectl("get", name, place, "--output=json", check=False)
    if answer.returncode:
        return False
    found = json.loads(answer.stdout)
    owners = [each["uid"] for each in found["metadata"].get("ownerReferences", ())]
    return bool(found["spec"] == spec and uid in owners)


@pytest.mark.parametrize("owned", ["by nobody", "by another"])
def test_another_owner_hides_no_edit_and_no_delete(
    running: Release, namespace: str, owned: str
) -> None:
    plane, place = running.plane, f"--namespace={namespace}"
    name = next(each for each in live.isolation(plane, namespace) if "isolate" in each)
    stood = live.read(plane, name, place)
    [ours] = stood["metadata"]["ownerReferences"]
    other = live.read(plane, "configmap/kube-root-ca.crt", place)
    kept = {key: other[key] for key in ("apiVersion", "kind")}
    theirs = {**kept, "name": other["metadata"]["name"], "uid": other["metadata"]["uid"]}
    owners = [theirs] if owned == "by another" else []
    patch = {"metadata": {"ownerReferences": owners}, "spec": {"ingress": [{}]}}
    plane.kubectl("patch", name, place, "--type=merge", f"--patch={json.dumps(patch)}")
    wait_for(lambda: _stands(running, name, place, ours["uid"], stood["spec"]), "closed again", 5)
    plane.kubectl("patch", name, place, "--type=merge", f"--patch={json.dumps(patch)}")
    plane.kubectl("delete", name, place)
    wait_for(lambda: _stands(running, name, place, ours["uid"], stood["spec"]), "back", 5)


def _operators_writes(release: Release) -> int:
    """Count what the operator has written to webhook configurations, as the API server tells."""
    found = 0
    with release.plane.audit_log.open(encoding="utf-8") as lines:
        for line in lines:
            if "webhookconfigurations" in line and _OPERATOR in line:
                event = json.loads(line)
                found += event["verb"] in {"create", "update", "patch", "delete"}
    return found


def _has_term(release: Release, key: str) -> bool:
    entries = live.entries(release.plane)
    return bool(entries) and all(
        key in {term["key"] for term in each["namespaceSelector"]["matchExpressions"]}
        for each in entries
    )


def _make_look(release: Release, mark: str) -> None:
    """Make the operator look at the entries: by an edit of what nobody compares."""
    looked = release.operator.metric("revet_reconciles_total", about="cluster")
    release.plane.kubectl("annotate", "--overwrite", *live.ENTRIES.split("/"), f"mark={mark}")
    wait_for(
        lambda: release.operator.metric("revet_reconciles_total", about="cluster") > looked,
        "looked",
    )


def test_a_rewriter_with_a_listed_key_is_not_fought(running: Release, namespace: str) -> None:
    plane = running.plane
    assert namespace
    with Rewriter(plane, MANAGER, add_term(LISTED)) as rewriter:
        wait_for(lambda: _has_term(running, LISTED), "rewritten")
        # Further entries have to be written: with them the terms go, once.
        plane.apply(policy("further", {"further": "yes"}, enforcement="Enforce"))
        live.wait_for_conditions(plane, "further", "Enforcing")
        wait_for(lambda: _has_term(running, LISTED), "rewritten again")
        before = (_operators_writes(running), len(rewriter.writes))
        assert before[0] > 0
        for mark in ("1", "2"):
            _make_look(running, mark)
            _make_look(running, f"{mark} more")
            running.operator.stop()
            running.start_operator()
            wait_for(lambda: running.operator.metric("revet_fail_entries") > 0, "seen")
        assert (_operators_writes(running), len(rewriter.writes)) == before
        assert live.condition(plane, NAME, "Drifted")[0] == "False"
        # What else is edited under it is undone, though the term stays tolerated.
        plane.kubectl("delete", *live.ENTRIES.split("/"))
        wait_for(lambda: _has_term(running, LISTED), "there again, and rewritten")
    plane.kubectl("delete", "hardeningpolicy", "further")


def _contested(release: Release) -> bool:
    status, reason, message = live.condition(release.plane, NAME, "Drifted")
    return (status, reason) == ("True", "Contested") and f"by {MANAGER}" in message


def test_a_rewriter_that_admits_more_is_undone_each_time(running: Release, namespace: str) -> None:
    plane = running.plane
    assert namespace
    stood = live.entries(plane)
    with Rewriter(plane, MANAGER, add_term(UNLISTED)) as rewriter:
        # At intervals that grow this would take minutes.
        wait_for(lambda: len(rewriter.writes) > 10, "undone ten times")
        wait_for(lambda: _contested(running), "told")
        undone = len(rewriter.writes)
        wait_for(lambda: len(rewriter.writes) > undone + 10, "undone ten times more")
    wait_for(lambda: live.entries(plane) == stood, "as before")


def test_a_rewriter_that_admits_no_more_is_undone_less_and_less(
    running: Release, namespace: str
) -> None:
    plane = running.plane
    assert namespace
    stood = live.entries(plane)
    with Rewriter(plane, MANAGER, set_timeout(7)) as rewriter:
        wait_for(lambda: len(rewriter.writes) == 3, "undone twice")
        wait_for(lambda: _contested(running), "told")
    first, second, third = rewriter.writes
    # Five seconds, seen from outside: some of it goes by before each write is noticed.
    assert second - first < 4 < third - second
    # Not abandoned either.
    wait_for(lambda: live.entries(plane) == stood, "as before", timeout_s=60)
    assert time.monotonic() - third > 8
