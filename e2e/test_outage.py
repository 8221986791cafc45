"""The API server, or all of the control plane, goes away and comes back: with us dead, then alive.

With everything that a policy can ask for standing, in all namespaces but system ones and those that
are labelled as outside.
"""

import json
import os
import signal
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

import pytest

from e2e.api import Api, wait_for
from e2e.cluster.controlplane import ControlPlane
from e2e.release import NAMESPACE, Release
from e2e.site import NAME, Site, in_force, read, uids
from tests.support.manifests import Manifest, good_container, good_pod, pod, workload

OUTSIDE: Final = "outside"
ENTRIES: Final = ("validatingwebhookconfiguration", "revet")
LEASES: Final = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
NODES: Final = "/api/v1/nodes"
_LOST_THE_LEASE: Final = 3
_LEASE_S: Final = 15


def _kill(release: Release) -> None:
    release.operator.kill()
    release.webhook.kill()


def _refusal(api: Api, namespace: str) -> str:
    """Create a pod that every control passes; return why that did not work, empty if it did."""
    answer = api.create(good_pod(), namespace, dry_run=True)
    return "" if answer.is_success else f"{answer.status} {answer.message}"


@pytest.fixture
def everywhere(release: Release) -> Iterator[ControlPlane]:
    """Have Fail entries stand for all namespaces that there may be some for, with us dead."""
    with in_force(release, {}):
        _kill(release)
        yield release.plane


def test_an_api_server_with_other_roles_starts_without_us(everywhere: ControlPlane) -> None:
    plane = everywhere
    role, binding = "clusterrole/system:basic-user", "clusterrolebinding/system:basic-user"
    before = read(plane, role)["rules"], read(plane, binding)["subjects"]
    # As another version would have left them.
    for name, key, value in ((role, "rules", before[0][:1]), (binding, "subjects", [])):
        change: list[Manifest] = [{"op": "replace", "path": f"/{key}", "value": value}]
        plane.kubectl("patch", name, "--type=json", f"--patch={json.dumps(change)}")
    plane.kubectl("delete", "clusterrole", "system:discovery")
    api = Api(plane)
    assert 'failed calling webhook "' in _refusal(api, "default")
    api.close()
    plane.stop_apiserver()
    plane.start_apiserver()
    assert (read(plane, role)["rules"], read(plane, binding)["subjects"]) == before
    assert read(plane, "clusterrole/system:discovery")["rules"]


@pytest.fixture(scope="module")
def site(release: Release) -> Iterator[Site]:
    """Stop and start all of the control plane while Fail entries stand and we are dead."""
    plane = release.plane
    inside, doomed = plane.create_namespace(), plane.create_namespace()
    outside = plane.create_namespace({OUTSIDE: ""})
    selector = {"matchExpressions": [{"key": OUTSIDE, "operator": "DoesNotExist"}]}
    with in_force(release, selector):
        api = Api(plane)
        assert api.send("POST", LEASES, _lease("old-node")).status == 201
        assert api.create(good_pod("runs"), doomed).status == 201
        api.close()
        _kill(release)
        plane.shut_down()
        plane.boot()
        site = Site(release, api, inside, outside, doomed)
        yield site
        api.close()
    for name in (inside, outside):
        plane.delete_namespace(name)


def _lease(name: str) -> Manifest:
    spec = {"holderIdentity": name, "leaseDurationSeconds": 40}
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name},
        "spec": spec,
    }


def test_a_node_registers_and_renews_its_lease(site: Site) -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "new-node"}}
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
    renewed = {"spec": {"renewTime": "2026-11-22T06:00:00.000000Z"}}
    answers = [
        site.api.send("POST", NODES, node),
        site.api.send(
            "PATCH",
            f"{NODES}/new-node/status",
            {"status": {"conditions": [ready]}},
            "application/strategic-merge-patch+json",
        ),
        site.api.send("POST", LEASES, _lease("new-node")),
        *(
            site.api.send("PATCH", f"{LEASES}/{name}", renewed, "application/merge-patch+json")
            for name in ("new-node", "old-node")
        ),
    ]
    answers += [
        site.api.send("DELETE", path)
        for path in (f"{NODES}/new-node", f"{LEASES}/new-node", f"{LEASES}/old-node")
    ]
    assert [each.status for each in answers] == [201, 200, 201, 200, 200, 200, 200, 200]


@pytest.mark.parametrize("where", ["kube-system", "kube-public", NAMESPACE, OUTSIDE])
def test_pods_are_created_outside(site: Site, where: str) -> None:
    namespace = site.outside if where == OUTSIDE else where
    created = site.api.create(pod("free"), namespace)
    assert created.status == 201, created.message
    assert site.api.delete(pod("free"), namespace).is_success


def test_controllers_make_what_is_asked_for_outside(site: Site) -> None:
    assert site.api.create(workload("Deployment", "free"), site.outside).status == 201
    wait_for(lambda: site.api.items("Pod", site.outside), "pod of the Deployment", 60)
    [made] = site.api.items("ReplicaSet", site.outside)
    [its_pod] = site.api.items("Pod", site.outside)
    assert its_pod["metadata"]["ownerReferences"][0]["uid"] == made["metadata"]["uid"]


def test_controllers_make_our_own_pods_again(site: Site) -> None:
    place = ("pods", f"--namespace={NAMESPACE}")
    before = uids(site.plane, *place)
    assert len(before) == 4
    site.plane.kubectl("delete", *place, "--all", "--wait=false", "--now")
    wait_for(lambda: len(uids(site.plane, *place) - before) == len(before), "pods of ours", 60)


def test_namespaces_begin_and_end(site: Site) -> None:
    # That comes with its account, which a controller makes.
    new = site.plane.create_namespace({OUTSIDE: ""})
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "ours"}}
    path = f"/api/v1/namespaces/{new}/serviceaccounts"
    assert site.api.send("POST", path, account).status == 201
    assert site.api.create(pod("web", serviceAccountName="ours"), new).status == 201
    for name in (new, site.doomed):
        assert site.api.items("Pod", name)
        site.plane.delete_namespace(name)
    for name in (new, site.doomed):
        place = f"/api/v1/namespaces/{name}"
        wait_for(lambda: site.api.send("GET", place).status == 404, f"end of {name}", 60)  # noqa: B023


def test_a_pod_inside_is_refused_in_words(site: Site) -> None:
    words = _refusal(site.api, site.inside)
    assert words.startswith('500 Internal error occurred: failed calling webhook "')
    assert ".revet.dev" in words
    assert "connection refused" in words


@pytest.fixture(scope="module")
def back(site: Site) -> Site:
    """Start ours again."""
    site.release.operator.start()
    site.release.webhook.start()
    return site


def test_everything_is_judged_again(back: Site) -> None:
    wait_for(lambda: not _refusal(back.api, back.inside), "admission of a good pod", 60)
    bad = back.api.create(workload("Deployment"), back.inside, dry_run=True)
    assert bad.status == 403
    assert f"findings, policy {NAME} (restricted)" in bad.message
    good = workload("Deployment", "good", good_container())
    assert back.api.create(good, back.inside).status == 201
    wait_for(lambda: back.api.items("Pod", back.inside), "pod of the Deployment", 60)


def _isolation(site: Site) -> tuple[str, str]:
    return ("networkpolicies", f"--namespace={site.inside}")


def _delete_what_is_kept(site: Site) -> None:
    site.plane.kubectl("delete", *_isolation(site), "--all")
    site.plane.kubectl("delete", *ENTRIES)


def _wait_until_kept(site: Site) -> None:
    wait_for(lambda: len(uids(site.plane, *_isolation(site))) == 2, "isolated again", 60)
    wait_for(lambda: uids(site.plane, *ENTRIES), "entries again", 60)


def test_the_operator_outlives_a_restart_of_the_api_server(back: Site) -> None:
    operator = back.release.operator
    pid, told = operator.pid, operator.events().count("library")
    back.plane.stop_apiserver()
    try:
        wait_for(lambda: operator.events().count("library") > told, "complaint of the operator")
    finally:
        back.plane.start_apiserver()
    _delete_what_is_kept(back)
    _wait_until_kept(back)
    assert operator.pid == pid
    assert operator.get("/healthz")[0] == HTTPStatus.OK


def test_what_no_watch_has_told_of_comes_back(back: Site) -> None:
    operator = back.release.operator
    # Held, so that it watches again only after things are deleted.
    operator.suspend()
    try:
        back.plane.stop_apiserver()
        back.plane.start_apiserver()
        _delete_what_is_kept(back)
    finally:
        operator.resume()
    _wait_until_kept(back)


def test_a_deleted_lease_is_made_again(back: Site) -> None:
    operator = back.release.operator
    pid, lease = operator.pid, ("lease", "revet-operator", f"--namespace={NAMESPACE}")
    gone = uids(back.plane, *lease)
    back.plane.kubectl("delete", *lease)
    wait_for(lambda: uids(back.plane, *lease) - gone, "a new Lease")
    assert read(back.plane, *lease)["spec"]["holderIdentity"]
    assert operator.pid == pid
    assert operator.get("/healthz")[0] == HTTPStatus.OK


def test_the_operator_ends_before_another_may_lead_and_starts_afresh(back: Site) -> None:
    operator = back.release.operator
    apiserver = back.plane.pids["kube-apiserver"]
    ended = os.WEXITED | os.WNOHANG | os.WNOWAIT
    os.kill(apiserver, signal.SIGSTOP)
    began = time.monotonic()
    try:
        wait_for(lambda: os.waitid(os.P_PID, operator.pid, ended), "end of the operator", 60)
    finally:
        os.kill(apiserver, signal.SIGCONT)
    assert time.monotonic() - began < _LEASE_S
    told = os.waitid(os.P_PID, operator.pid, ended)
    assert told is not None
    assert told.si_status == _LOST_THE_LEASE
    [last] = [line for line in operator.logged() if line["event"] == "stopped"][-1:]
    assert last["reason"] == "the lease was lost"
    operator.stop()
    _delete_what_is_kept(back)
    operator.start()
    _wait_until_kept(back)
