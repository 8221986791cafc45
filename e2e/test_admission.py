"""Admission on a real API server: what each mode does, for every kind that holds a pod."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.api import STRATEGIC, Api, wait_for
from e2e.cluster.target import Cluster
from e2e.crd import install_crd
from e2e.modes import CONTROLS, LABELS, POLICIES, is_judged, kubectl_create, read_findings
from e2e.webhook import Webhook
from tests.support.manifests import (
    WORKLOADS,
    Manifest,
    container,
    good_container,
    good_pod,
    pod,
    workload,
)

Namespaces = dict[str, str]


@pytest.fixture(scope="module")
def webhook(cluster: Cluster) -> Iterator[Webhook]:
    plane = cluster.control_plane
    if plane is None:
        pytest.skip("the API server must reach our loopback: REVET_E2E_CLUSTER=local")
    install_crd(plane)
    with Webhook(plane) as running:
        running.apply_policies(POLICIES)
        yield running


@pytest.fixture(scope="module")
def api(webhook: Webhook) -> Iterator[Api]:
    api = Api(webhook.plane)
    yield api
    api.close()


@pytest.fixture(scope="module")
def spaces(webhook: Webhook, api: Api) -> Iterator[Namespaces]:
    """Give a namespace of each kind of LABELS, in which the entries are in force."""
    named = {name: webhook.plane.create_namespace(labels) for name, labels in LABELS.items()}
    for name, namespace in named.items():
        if name != "outside":
            wait_for(lambda: is_judged(webhook, api, namespace), f"entry for {name}")  # noqa: B023
    yield named
    for namespace in named.values():
        webhook.plane.delete_namespace(namespace)


@pytest.mark.parametrize("kind", ["Pod", "Deployment"])
def test_under_audit_it_is_admitted_counted_and_annotated(
    webhook: Webhook, spaces: Namespaces, kind: str
) -> None:
    labels = {"policy": "audit", "control": "run-as-non-root", "mode": "Audit"}
    before = webhook.metric("revet_findings_total", **labels)
    bad = pod("audited") if kind == "Pod" else workload(kind, "audited-web")
    code, out, err = kubectl_create(webhook, spaces["audit"], bad)
    assert (code, err) == (0, "")
    assert "created" in out
    [findings] = read_findings(webhook, spaces["audit"], bad["metadata"]["name"])
    assert [each["control"] for each in findings] == CONTROLS
    assert {each["policy"] for each in findings} == {"audit"}
    # A Deployment's ReplicaSet is not judged; its Pod is.
    wait_for(
        lambda: (
            webhook.metric("revet_findings_total", **labels) == before + (1 if kind == "Pod" else 2)
        ),
        "count of findings",
    )


@pytest.mark.parametrize("kind", ["Pod", "Deployment"])
def test_under_warn_kubectl_shows_each_finding(
    webhook: Webhook, spaces: Namespaces, kind: str
) -> None:
    bad = pod("warned") if kind == "Pod" else workload(kind, "warned-web")
    code, out, err = kubectl_create(webhook, spaces["warn"], bad)
    assert code == 0
    assert "created" in out
    prefix = "spec" if kind == "Pod" else "spec.template.spec"
    assert [line.split(" (warn): ")[0] for line in err.splitlines()] == [
        f"Warning: {control}" for control in CONTROLS
    ]
    assert all(f'{prefix}.containers[0] "app": ' in line for line in err.splitlines())


@pytest.mark.parametrize("kind", ["Pod", "Deployment"])
def test_under_enforce_it_is_refused_with_every_finding(
    webhook: Webhook, spaces: Namespaces, kind: str
) -> None:
    bad = pod("refused") if kind == "Pod" else workload(kind, "refused")
    code, out, err = kubectl_create(webhook, spaces["enforce"], bad)
    assert (code, out) == (1, "")
    first, second, *lines = err.splitlines()
    assert first.startswith('Error from server (Forbidden): error when creating "STDIN": admission')
    assert first.endswith('.revet.dev" denied the request: ')
    name = f"{kind} {spaces['enforce']}/refused"
    assert second == f"{name}: 4 findings, policy enforce (restricted)"
    place = f'{"spec" if kind == "Pod" else "spec.template.spec"}.containers[0] "app"'
    found = [line.split(maxsplit=1) for line in lines if place in line]
    assert [control for control, _ in found] == CONTROLS
    assert len([line for line in lines if line.strip().startswith("fix: ")]) == 4
    assert lines[-1] == f"Why, and how to fix it: revet explain {' '.join(CONTROLS)}"


@pytest.mark.parametrize("kind", ["Pod", *WORKLOADS])
def test_every_kind_is_refused_by_its_template(api: Api, spaces: Namespaces, kind: str) -> None:
    bad = pod() if kind == "Pod" else workload(kind)
    good = good_pod() if kind == "Pod" else workload(kind, "web", good_container())
    refused = api.create(bad, spaces["enforce"], dry_run=True)
    assert (refused.status, refused.body["reason"]) == (403, "Forbidden")
    assert f"{kind} {spaces['enforce']}/web: 4 findings" in refused.message
    assert api.create(good, spaces["enforce"], dry_run=True).is_success


@pytest.mark.parametrize("kind", WORKLOADS)
def test_templates_warn_where_the_policy_says_so(api: Api, spaces: Namespaces, kind: str) -> None:
    bad = workload(kind, "web", container(securityContext={"privileged": True}))
    warned = api.create(bad, spaces["softly"], dry_run=True)
    assert warned.is_success
    assert any("privileged-containers (softly)" in text for text in warned.warnings)
    refused = api.create(pod(), spaces["softly"], dry_run=True)
    assert refused.status == 403


def test_a_controllers_pods_are_refused_and_it_is_told(api: Api, spaces: Namespaces) -> None:
    namespace = spaces["softly"]
    web = workload("Deployment", "told")
    assert api.create(web, namespace).is_success
    wait_for(lambda: _denials(api, namespace), "event about the ReplicaSet")
    event = _denials(api, namespace)[0]
    assert event["involvedObject"]["name"].startswith("told-")
    assert event["type"] == "Warning"
    assert "2 findings, policy softly (restricted)" in event["message"]
    owned = [each for each in api.items("ReplicaSet", namespace) if "told" in str(each)]
    assert len(owned) == 1  # the ReplicaSet itself was not refused
    assert api.items("Pod", namespace) == []
    assert api.delete(web, namespace).is_success


def _denials(api: Api, namespace: str) -> list[Any]:
    return [
        event
        for event in api.items("Event", namespace)
        if event["reason"] == "DeniedByPolicy" and event["involvedObject"]["kind"] == "ReplicaSet"
    ]


def _decisions(webhook: Webhook, name: str) -> list[Manifest]:
    """Read what was decided on an object: the lines come in batches, a moment after the answer."""
    return [line for line in webhook.decisions() if line["name"] == name]


def _last_operation(webhook: Webhook, name: str) -> str:
    return next((line["operation"] for line in reversed(_decisions(webhook, name))), "")


def test_a_pod_is_patched_as_told(webhook: Webhook, api: Api, spaces: Namespaces) -> None:
    plain = pod("patched", container(securityContext={"runAsUser": 10001}))
    created = api.create(plain, spaces["patch"])
    assert created.is_success, created.message
    spec = created.body["spec"]
    assert spec["securityContext"] == {"seccompProfile": {"type": "RuntimeDefault"}}
    assert spec["containers"][0]["securityContext"] == {
        "runAsUser": 10001,
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    wait_for(lambda: len(_decisions(webhook, "patched")) == 2, "told in the log")
    decisions = _decisions(webhook, "patched")
    assert [line["verdict"] for line in decisions if line["door"] == "mutate"] == ["patched"]
    # What was right already is left as it was.
    good = api.create(good_pod("untouched"), spaces["patch"])
    assert (
        good.body["spec"]["containers"][0]["securityContext"]
        == (good_pod()["spec"]["containers"][0]["securityContext"])
    )
    assert good.body["spec"]["securityContext"] == {}


def test_two_policies_give_one_message(api: Api, spaces: Namespaces) -> None:
    bad = pod("bad", container(securityContext={"privileged": True}))
    refused = api.create(bad, spaces["both"], dry_run=True)
    assert "policies enforce (restricted), second (baseline)" in refused.message
    [line] = [line for line in refused.message.splitlines() if "privileged is true" in line]
    assert line.endswith("(enforce, second)")
    # `second` has set the seccomp profile before anybody judged.
    missing = [control for control in CONTROLS if control not in refused.message]
    assert missing == ["seccomp-required"]


def test_two_policies_in_two_modes(webhook: Webhook, spaces: Namespaces) -> None:
    bad = pod("mixed", good_container(), hostNetwork=True)
    code, _, err = kubectl_create(webhook, spaces["mixed"], bad)
    assert code == 1
    assert "policy enforce (restricted)" in err
    assert "Warning: host-namespaces (third): " in err


def test_outside_nothing_happens(webhook: Webhook, api: Api, spaces: Namespaces) -> None:
    created = api.create(pod("free"), spaces["outside"])
    assert created.is_success
    assert created.warnings == ()
    assert created.body["spec"]["securityContext"] == {}
    assert all(line["namespace"] != spaces["outside"] for line in webhook.decisions())


def test_an_override_raises_the_ceiling(webhook: Webhook, api: Api, spaces: Namespaces) -> None:
    bad = pod("raised", good_container(), hostPID=True)
    assert api.create(bad, spaces["early"]).is_success
    [early] = read_findings(webhook, spaces["early"], "raised")
    assert {each["mode"] for each in early} == {"Audit"}
    labels = {"policy": "gradual", "control": "host-namespaces", "mode": "Enforce"}
    before = webhook.metric("revet_findings_total", **labels)
    refused = api.create(bad, spaces["live"])
    assert refused.status == 403
    assert "1 finding, policy gradual (restricted)" in refused.message
    # Both its entries were called, and one has counted.
    assert webhook.metric("revet_findings_total", **labels) == before + 1


def test_debugging_containers_are_judged(api: Api, spaces: Namespaces) -> None:
    target = good_pod("debugged")
    assert api.create(target, spaces["enforce"]).is_success
    for shell, status in ((container("shell"), 403), (good_container("fine"), 200)):
        change = {"spec": {"ephemeralContainers": [shell]}}
        answer = api.patch(
            target, spaces["enforce"], change, "/ephemeralcontainers", content_type=STRATEGIC
        )
        assert answer.status == status, answer.message
        if status == 403:
            assert 'spec.ephemeralContainers[0] "shell"' in answer.message


def test_a_pod_is_resized(webhook: Webhook, api: Api, spaces: Namespaces) -> None:
    target = pod("resized", good_container(resources={"requests": {"cpu": "10m"}}))
    assert api.create(target, spaces["enforce"]).is_success
    change = {"spec": {"containers": [{"name": "app", "resources": {"requests": {"cpu": "20m"}}}]}}
    answer = api.patch(target, spaces["enforce"], change, "/resize", content_type=STRATEGIC)
    assert answer.is_success, answer.message
    wait_for(lambda: _last_operation(webhook, "resized") == "UPDATE", "told in the log")
    assert _decisions(webhook, "resized")[-1]["verdict"] == "allowed"


def test_system_namespaces_are_never_refused(webhook: Webhook, api: Api) -> None:
    for namespace in ("kube-system", "kube-public", "kube-node-lease"):
        answer = api.create(pod("system"), namespace, dry_run=True)
        assert "revet.dev" not in str(answer.body), namespace
    for kind in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"):
        shown = json.loads(webhook.plane.kubectl("get", kind, "revet", "-o=json").stdout)
        for entry in shown["webhooks"]:
            excluded = [
                each["values"]
                for each in entry["namespaceSelector"]["matchExpressions"]
                if each["operator"] == "NotIn"
            ]
            if entry["failurePolicy"] == "Fail":
                assert excluded == [
                    ["kube-node-lease", "kube-public", "kube-system", "revet-system"]
                ]


def test_a_name_to_be_generated_is_shown_with_a_star(api: Api, spaces: Namespaces) -> None:
    unnamed = pod()
    unnamed["metadata"] = {"generateName": "batch-"}
    refused = api.create(unnamed, spaces["enforce"], dry_run=True)
    assert f"Pod {spaces['enforce']}/batch-" in refused.message


def test_the_patch_is_what_was_logged(webhook: Webhook, spaces: Namespaces) -> None:
    plain = pod("golden", container(securityContext={"runAsUser": 10001}))
    kubectl_create(webhook, spaces["patch"], plain)
    patches: list[Any] = []

    def is_there() -> bool:
        for line in webhook.plane.audit_log.read_text().splitlines():
            if spaces["patch"] in line and '"golden"' in line:
                event = json.loads(line)["annotations"]
                patches.extend(v for k, v in event.items() if k.endswith(".revet.dev/patched"))
        return bool(patches)

    wait_for(is_there, "audit annotation `patched`")
    context = "/spec/containers/0/securityContext"
    assert [patch.split(",") for patch in patches] == [
        [
            f"{context}/allowPrivilegeEscalation",
            f"{context}/runAsNonRoot",
            "/spec/securityContext/seccompProfile",
            f"{context}/capabilities",
        ]
    ]
