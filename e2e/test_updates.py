"""Updates that leave the pod as it was work in an enforced namespace, with us alive and us dead.

An expression error in a matchCondition is a refusal too, so every kind of every rule is updated.
"""

from collections.abc import Iterator

import pytest

from e2e.api import Answer, Api, wait_for
from e2e.cluster.target import Cluster
from e2e.crd import install_crd
from e2e.webhook import Webhook
from tests.support.manifests import (
    WORKLOADS,
    Manifest,
    good_container,
    good_pod,
    pod,
    policy,
    workload,
)

STRICT = policy("strict", {"tier": "prod"}, enforcement="Enforce")
KINDS = ("Pod", *WORKLOADS)
SCALABLE = ("Deployment", "ReplicaSet", "StatefulSet", "ReplicationController")
_JOB_LABEL = "batch.kubernetes.io/job-name"


@pytest.fixture(scope="module")
def webhook(cluster: Cluster) -> Iterator[Webhook]:
    plane = cluster.control_plane
    if plane is None:
        pytest.skip("the webhook must be killed: REVET_E2E_CLUSTER=local")
    install_crd(plane)
    with Webhook(plane) as running:
        running.apply_policies([STRICT])
        yield running


@pytest.fixture(scope="module")
def api(webhook: Webhook) -> Iterator[Api]:
    api = Api(webhook.plane)
    yield api
    api.close()


@pytest.fixture(scope="module", params=[True, False], ids=["alive", "dead"])
def alive(request: pytest.FixtureRequest) -> bool:
    """Tell whether the webhook lives while things are updated."""
    return bool(request.param)


@pytest.fixture(scope="module")
def shop(webhook: Webhook, api: Api, *, alive: bool) -> Iterator[str]:
    """Give an enforced namespace with an object of each kind; then the webhook lives, or not."""
    namespace = webhook.plane.create_namespace({"tier": "prod"})
    refused = lambda: api.create(pod(), namespace, dry_run=True).status == 403  # noqa: E731
    wait_for(refused, "entry in force")
    for kind in KINDS:
        created = api.create(_good(kind), namespace)
        assert created.is_success, created.message
    _wait_for_pods(api, namespace)
    if not alive:
        webhook.kill()
    yield namespace
    if not alive:
        webhook.start()
    webhook.plane.delete_namespace(namespace)


def _good(kind: str) -> Manifest:
    return good_pod("web-pod") if kind == "Pod" else workload(kind, kind.lower(), good_container())


def _wait_for_pods(api: Api, namespace: str) -> None:
    """Wait until the controllers are done with the first round, and their pods are there."""
    makers = {"Job", "ReplicaSet", "StatefulSet", "ReplicationController"}

    def owners() -> set[str]:
        pods = api.items("Pod", namespace)
        return {o["kind"] for p in pods for o in p["metadata"].get("ownerReferences", ())}

    wait_for(lambda: owners() >= makers, "pods of the controllers")


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
