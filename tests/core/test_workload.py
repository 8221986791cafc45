"""Every kind that holds a pod is read to the pod in it; what does not fit is said."""

import json
from typing import Any

import pytest

from revet.core.engine import mend
from revet.core.errors import ManifestError
from revet.core.kinds import BY_NAME, TEMPLATES
from revet.core.model.pod import Pod, PodTemplateSpec
from revet.core.workload import holds_pod, read

Manifest = dict[str, Any]
TEMPLATE: Manifest = {
    "metadata": {"labels": {"app": "web"}, "annotations": {"a": "b"}},
    "spec": {"containers": [{"name": "app", "securityContext": {"privileged": True}}]},
}
IN_SPEC: Manifest = {"spec": {"template": TEMPLATE}}
KINDS: list[tuple[str, str, str, Manifest]] = [
    ("", "Pod", "", TEMPLATE),
    ("", "PodTemplate", "/template", {"template": TEMPLATE}),
    ("", "ReplicationController", "/spec/template", IN_SPEC),
    ("apps", "ReplicaSet", "/spec/template", IN_SPEC),
    ("apps", "Deployment", "/spec/template", IN_SPEC),
    ("apps", "StatefulSet", "/spec/template", IN_SPEC),
    ("apps", "DaemonSet", "/spec/template", IN_SPEC),
    ("batch", "Job", "/spec/template", IN_SPEC),
    (
        "batch",
        "CronJob",
        "/spec/jobTemplate/spec/template",
        {"spec": {"jobTemplate": {"spec": {"template": TEMPLATE}}}},
    ),
]
each_kind = pytest.mark.parametrize(
    ("group", "kind", "prefix", "body"), KINDS, ids=[row[1] for row in KINDS]
)


@each_kind
def test_the_pod_in_it_is_found(group: str, kind: str, prefix: str, body: Manifest) -> None:
    named = {"metadata": {"name": "web", **body.get("metadata", {})}}
    subject = read(group, kind, json.dumps(body | named).encode())
    assert (subject.kind, subject.prefix, subject.metadata.name) == (kind, prefix, "web")
    assert subject.is_pod is (kind == "Pod")
    pod = subject.pod()
    assert pod.labels == {"app": "web"}
    assert pod.annotations == {"a": "b"}
    assert [pointer for pointer, _ in pod.containers] == ["/spec/containers/0"]
    assert holds_pod(group, kind)


@each_kind
@pytest.mark.parametrize("missing", ["{}", '{"metadata": null, "spec": null, "template": null}'])
def test_what_is_missing_counts_as_empty(
    group: str, kind: str, prefix: str, body: Manifest, missing: str
) -> None:
    subject = read(group, kind, missing.encode())
    assert (subject.prefix, subject.metadata.name) == (prefix, None)
    assert subject.pod().containers == []
    # Every step on the way may be the one that is missing.
    assert body
    for text in ('{"spec": {}}', '{"spec": {"jobTemplate": {}}}', '{"spec": {"template": null}}'):
        assert read(group, kind, text.encode()).pod().labels == {}


@pytest.mark.parametrize(
    ("group", "kind", "data", "text"),
    [
        ("", "Service", b"{}", "core/Service holds no pod, must be one of CronJob, DaemonSet, "),
        ("apps", "Pod", b"{}", "apps/Pod holds no pod, must be one of "),
        ("argoproj.io", "Rollout", b"{}", "argoproj.io/Rollout holds no pod, "),
        ("", "Pod", b"{", "Pod: Input data was truncated"),
        ("", "Pod", b"[]", "Pod: Expected `object`, got `array`"),
        ("", "Pod", b'{"spec": {"hostPID": "yes"}}', "$.spec.hostPID"),
        ("", "Pod", b'{"spec": {"containers": [1]}}', "$.spec.containers[0]"),
        ("", "Pod", b'{"spec": {"containers": {"name": "a"}}}', "$.spec.containers"),
        (
            "batch",
            "Job",
            b'{"spec": {"template": {"spec": {"os": 1}}}}',
            "$.spec.template.spec.os",
        ),
        ("", "Pod", b'{"metadata": {"name": "\xff"}}', "Pod: "),
        ("", "Pod", b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "Pod: "),
    ],
)
def test_what_does_not_fit_is_said_with_its_place(
    group: str, kind: str, data: bytes, text: str
) -> None:
    with pytest.raises(ManifestError) as error:
        read(group, kind, data)
    assert text in str(error.value)


def test_keys_are_case_sensitive_and_unknown_ones_skipped() -> None:
    text = b'{"spec": {"HostPID": true, "hostPid": true, "new": {"x": [1]}, "hostIPC": true}}'
    spec = read("", "Pod", text).pod().spec
    assert (spec.host_pid, spec.host_ipc) == (None, True)


def test_an_empty_pod_is_laid_out() -> None:
    pod = Pod(PodTemplateSpec())
    assert (pod.containers, pod.contexts, pod.is_windows, pod.has_user_namespace) == (
        [],
        [],
        False,
        False,
    )
    assert not holds_pod("", "Service")


@pytest.mark.parametrize("kind", sorted(TEMPLATES))
def test_a_template_has_no_status_whatever_it_says(kind: str) -> None:
    placed = {"status": {"conditions": [{"type": "PodScheduled", "status": "True"}]}}
    pod = {"spec": {"nodeName": "a", "containers": [{"name": "a"}]}, **placed}
    manifest: dict[str, Any] = {"spec": {"template": pod}}
    if kind == "PodTemplate":
        manifest = {"template": pod}
    if kind == "CronJob":
        manifest = {"spec": {"jobTemplate": {"spec": {"template": pod}}}}
    subject = read(BY_NAME[kind].group, kind, json.dumps(manifest).encode())
    assert not subject.pod().is_placed
    # Nor where a policy mends it: it is read once more then.
    template, _ = mend(manifest, subject.prefix, ())
    assert not Pod(template).is_placed
    assert read("", "Pod", json.dumps(pod).encode()).pod().is_placed
