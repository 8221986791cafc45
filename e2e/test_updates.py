"""Updates that leave the pod as it was work in an enforced namespace, whoever of us is dead.

With the entries that the operator has written. An expression error in a matchCondition is a refusal
too, so every kind of every rule is updated.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from e2e.api import STRATEGIC, Answer, Api, wait_for
from e2e.release import Release
from revet.core.kinds import KINDS as ALL_KINDS
from tests.support.manifests import (
    WORKLOADS,
    Manifest,
    good_container,
    pod,
    policy,
    workload,
)

LABELS: Final = {"updates": "yes"}
STRICT: Final = policy("updates-strict", LABELS, enforcement="Enforce")
WATCH: Final = policy("updates-watch", LABELS)
KINDS: Final = ("Pod", *WORKLOADS)
SCALABLE: Final = ("Deployment", "ReplicaSet", "StatefulSet", "ReplicationController")
#: By subresource of a pod: what is changed there.
POD_PARTS: Final[Mapping[str, Manifest]] = {
    "ephemeralcontainers": {"ephemeralContainers": [good_container("debug")]},
    "resize": {"containers": [{"name": "app", "resources": {"requests": {"cpu": "20m"}}}]},
}
_JOB_LABEL: Final = "batch.kubernetes.io/job-name"
_CONFIGURATIONS: Final = "validatingwebhookconfigurations,mutatingwebhookconfigurations"


@pytest.fixture(scope="module")
def running(release: Release) -> Release:
    """Have both of ours run, and all kinds of entries stand."""
    release.start()
    release.plane.apply([STRICT, WATCH])
    for name, condition in (("updates-strict", "Enforcing"), ("updates-watch", "Ready")):
        wait = ("wait", f"hardeningpolicy/{name}", f"--for=condition={condition}")
        release.plane.kubectl(*wait, "--timeout=60s")
    return release


@pytest.fixture(scope="module")
def api(running: Release) -> Iterator[Api]:
    api = Api(running.plane)
    yield api
    api.close()


@pytest.fixture(scope="module", params=["alive", "webhook-dead", "both-dead"])
def dead(request: pytest.FixtureRequest) -> str:
    """Tell who is dead while things are updated."""
    return str(request.param)


@pytest.fixture(scope="module")
def alive(dead: str) -> bool:
    """Tell whether the webhook lives."""
    return dead == "alive"


@pytest.fixture(scope="module")
def shop(running: Release, api: Api, dead: str, *, alive: bool) -> Iterator[str]:
    """Give an enforced namespace with an object of each kind; then some of us die."""
    namespace = running.plane.create_namespace(LABELS)
    refused = lambda: api.create(pod(), namespace, dry_run=True).status == 403  # noqa: E731
    wait_for(refused, "entry in force")
    for kind in KINDS:
        created = api.create(_good(kind), namespace)
        assert created.is_success, created.message
    _wait_for_pods(api, namespace)
    if dead == "both-dead":
        running.operator.kill()
    if not alive:
        running.webhook.kill()
    yield namespace
    if dead == "both-dead":
        running.operator.start()
    if not alive:
        running.webhook.start()
    running.plane.delete_namespace(namespace)


def _good(kind: str) -> Manifest:
    sized = good_container(resources={"requests": {"cpu": "10m"}})
    return pod("web-pod", sized) if kind == "Pod" else workload(kind, kind.lower(), sized)


def _wait_for_pods(api: Api, namespace: str) -> None:
    """Wait until the controllers are done with the first round, and their pods are there."""
    makers = {"Job", "ReplicaSet", "StatefulSet", "ReplicationController"}

    def owners() -> set[str]:
        pods = api.items("Pod", namespace)
        return {o["kind"] for p in pods for o in p["metadata"].get("ownerReferences", ())}

    wait_for(lambda: owners() >= makers, "pods of the controllers")


def _entries(release: Release) -> list[Any]:
    listed = release.plane.kubectl("get", _CONFIGURATIONS, "--output=json").stdout
    return [
        entry
        for each in json.loads(listed)["items"]
        if each["metadata"]["name"] == "revet"
        for entry in each["webhooks"]
    ]


def _resources(answer: Any) -> list[Any]:  # noqa: ANN401 -- text, where the group is not served
    return answer["resources"] if isinstance(answer, dict) and "resources" in answer else []


def test_all_that_the_entries_rules_name_is_updated_here(running: Release, api: Api) -> None:
    entries = _entries(running)
    sorts = {entry["name"].rpartition("-")[0] for entry in entries}
    kinds = {"enforce", "audit"}
    assert sorts == {
        *kinds,
        *(f"{each}-{part}" for each in kinds for part in ("update", "secrets")),
        "patch",
    }
    named = {
        (f"/apis/{group}" if group else "/api", version, resource)
        for entry in entries
        for rule in entry["rules"]
        for group in rule["apiGroups"]
        for version in rule["apiVersions"]
        for resource in rule["resources"]
    }
    known = {
        (root, version, each["name"]): each["kind"]
        for root, version in {place[:2] for place in named}
        for each in _resources(api.send("GET", f"{root}/{version}").body)
    }
    plain = {place for place in named if "/" not in place[2]}
    # Services, roles and the like: e2e/test_items.py updates them, Gateways are not served here.
    others = {kind.name for kind in ALL_KINDS if not kind.holds_pod and kind.is_namespaced}
    assert {known.get(place, "Gateway") for place in plain} == {*KINDS, *others}
    assert {place[2] for place in named - plain} == {f"pods/{each}" for each in POD_PARTS}


@pytest.mark.parametrize("kind", KINDS)
def test_labels_and_annotations_change(api: Api, shop: str, kind: str) -> None:
    change = {"metadata": {"labels": {"new": "label"}, "annotations": {"new": "note"}}}
    answer = api.patch(_good(kind), shop, change)
    assert answer.status == 200, answer.message
    assert answer.body["metadata"]["labels"]["new"] == "label"


@pytest.mark.parametrize("kind", SCALABLE)
@pytest.mark.parametrize("replicas", [2, 0])
def test_replicas_change(api: Api, shop: str, kind: str, replicas: int) -> None:
    for subresource in ("", "/scale"):
        answer = api.patch(_good(kind), shop, {"spec": {"replicas": replicas}}, subresource)
        assert answer.status == 200, answer.message


def test_scaling_down_takes_the_pods_away(api: Api, shop: str) -> None:
    owner = _good("ReplicaSet")
    assert api.patch(owner, shop, {"spec": {"replicas": 0}}, "/scale").is_success

    def is_empty() -> bool:
        owners = (pod["metadata"].get("ownerReferences", ()) for pod in api.items("Pod", shop))
        return all(each[0]["name"] != "replicaset" for each in owners if each)

    wait_for(is_empty, "end of the ReplicaSet's pods")


def test_a_job_completes(api: Api, shop: str) -> None:
    job = _good("Job")
    [mine] = [
        each
        for each in api.items("Pod", shop)
        if each["metadata"].get("labels", {}).get(_JOB_LABEL) == "job"
    ]
    # What a kubelet would do. The controller then takes its finalizer away and completes the Job.
    status = {"status": {"phase": "Succeeded"}}
    assert api.patch(mine | {"kind": "Pod"}, shop, status, "/status").is_success

    def is_complete() -> bool:
        conditions = api.get(job, shop).body["status"].get("conditions", ())
        return any(each["type"] == "Complete" for each in conditions)

    wait_for(is_complete, "completion of the Job")
    done = api.get(mine | {"kind": "Pod"}, shop).body
    assert "finalizers" not in done["metadata"]


def test_a_cron_job_is_suspended(api: Api, shop: str) -> None:
    answer = api.patch(_good("CronJob"), shop, {"spec": {"suspend": True}})
    assert answer.status == 200, answer.message


def test_other_kinds_are_not_our_business(api: Api, shop: str) -> None:
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "other"}}
    assert api.create(other, shop).is_success
    assert api.patch(other, shop, {"data": {"a": "b"}}).is_success
    assert api.delete(other, shop).is_success


@pytest.mark.parametrize("kind", [kind for kind in WORKLOADS if kind != "Job"])
def test_a_new_template_is_judged_or_refused(
    api: Api, shop: str, kind: str, *, alive: bool
) -> None:
    _check(api.patch(_good(kind), shop, _touch_template(kind)), 200, alive=alive)


def test_a_new_image_of_a_pod_is_judged_or_refused(api: Api, shop: str, *, alive: bool) -> None:
    image = {"op": "replace", "path": "/spec/containers/0/image", "value": "registry.example/b:2"}
    answer = api.patch(_good("Pod"), shop, [image], content_type="application/json-patch+json")
    _check(answer, 200, alive=alive)


@pytest.mark.parametrize("part", POD_PARTS)
def test_a_part_of_a_pod_is_judged_or_refused(
    api: Api, shop: str, part: str, *, alive: bool
) -> None:
    change = {"spec": POD_PARTS[part]}
    _check(api.patch(_good("Pod"), shop, change, f"/{part}", STRATEGIC), 200, alive=alive)


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_object_is_judged_or_refused(api: Api, shop: str, kind: str, *, alive: bool) -> None:
    new = _good(kind)
    new["metadata"]["name"] += "-new"
    _check(api.create(new, shop, dry_run=True), 201, alive=alive)


@pytest.mark.parametrize("kind", KINDS)
def test_everything_can_be_deleted(api: Api, shop: str, kind: str) -> None:
    answer = api.delete(_good(kind), shop)
    assert answer.is_success, answer.message
    wait_for(lambda: api.get(_good(kind), shop).status == 404, f"end of the {kind}")


def _check(answer: Answer, status: int, *, alive: bool) -> None:
    if alive:
        assert answer.status == status, answer.message
    else:
        assert answer.status == 500
        assert 'failed calling webhook "' in answer.message
        assert "connection refused" in answer.message


def _touch_template(kind: str) -> Manifest:
    template: Manifest = {"metadata": {"annotations": {"touched": "yes"}}}
    if kind == "PodTemplate":
        return {"template": template}
    if kind == "CronJob":
        return {"spec": {"jobTemplate": {"spec": {"template": template}}}}
    return {"spec": {"template": template}}
