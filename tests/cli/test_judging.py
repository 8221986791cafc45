"""What becomes of each object: judged as the cluster would, or left out and said so."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
import yaml

from revet.cli.check.manifests import Question, check
from revet.cli.check.report import Exit, NotChecked, Report, ReportedFinding
from revet.core.admission import Request, judge, patch, read_object
from revet.core.compiled_policy import Applied, CompiledPolicy
from revet.core.defaulting import set_defaults
from revet.core.model.mode import Mode
from revet.core.pointer import absolute
from tests.cli.conftest import Ask
from tests.support.check_files import CheckFile, load_check_files
from tests.support.policy_builder import build_policy
from tests.support.rfc6902 import apply_patch

GOOD: Final = """
  securityContext:
    runAsNonRoot: true
    seccompProfile: {type: RuntimeDefault}
  containers:
  - name: app
    image: registry.example.com/app:1.0
    securityContext:
      allowPrivilegeEscalation: false
      capabilities: {drop: [ALL]}
"""
POD: Final = "apiVersion: v1\nkind: Pod\nmetadata: {name: app, namespace: shop}\nspec:"


def _controls(report: Report, *, patched: bool = False) -> list[str]:
    return [each.control for each in report.findings if each.patched is patched]


def _one(report: Report, control: str) -> ReportedFinding:
    (found,) = (each for each in report.findings if each.control == control)
    return found


def _reasons(report: Report) -> list[str]:
    return [each.text for each in report.not_checked]


def test_a_finding_has_its_place_in_the_file(ask: Ask) -> None:
    text = POD + GOOD + "  volumes:\n  - name: logs\n    hostPath: {path: /var/log}\n"
    found = _one(ask(text), "volume-types")
    assert (found.line, found.column) == (
        text.splitlines().index("    hostPath: {path: /var/log}") + 1,
        5,
    )
    assert found.pointer == "/spec/volumes/0/hostPath"
    assert (found.mode, found.tier, found.policy) == (Mode.ENFORCE, 1, "restricted")


def test_a_field_that_is_not_there_has_the_place_of_its_parent(ask: Ask) -> None:
    text = POD + GOOD.replace("    runAsNonRoot: true\n", "")
    found = _one(ask(text), "run-as-non-root")
    assert text.splitlines()[found.line - 1][found.column - 1 :] == "securityContext:"


def test_what_the_policy_patches_is_no_failure(ask: Ask) -> None:
    text = POD + GOOD.replace("    seccompProfile: {type: RuntimeDefault}\n", "")
    report = ask(text)
    assert "seccomp-required" in _controls(report, patched=True)
    assert "seccomp-required" not in _controls(report)
    unpatched = """
apiVersion: revet.dev/v1alpha1
kind: HardeningPolicy
metadata: {name: hard}
spec:
  namespaceSelector: {}
  profile: restricted
  controls:
  - {id: seccomp-required, patch: false}
"""
    report = ask(f"{text}---{unpatched}")
    assert "seccomp-required" in _controls(report)


def test_of_two_containers_only_that_fails_which_no_patch_mends(ask: Ask) -> None:
    first = "allowPrivilegeEscalation: false"
    second = GOOD.partition("containers:\n")[2].replace("app", "second")
    text = POD + GOOD.replace(first, "allowPrivilegeEscalation: true")
    report = ask(text + second.replace(f"      {first}\n", ""))
    found = {
        each.container: each.patched
        for each in report.findings
        if each.control == "no-privilege-escalation"
    }
    assert found == {"app": False, "second": True}


def test_what_the_api_server_fills_in_is_filled_in(ask: Ask) -> None:
    report = ask(POD + GOOD + "  volumes: [{name: scratch}]\n")
    assert "volume-types" not in _controls(report)
    port = "    ports: [{containerPort: 80}]\n"
    report = ask(POD + GOOD.replace("    image:", f"{port}    image:") + "  hostNetwork: true\n")
    assert {"host-namespaces", "host-ports"} <= set(_controls(report))


@pytest.mark.parametrize("file", load_check_files(), ids=lambda each: each.title)
@pytest.mark.parametrize("profile", ["baseline", "restricted"])
def test_the_answer_is_the_clusters(ask: Ask, file: CheckFile, profile: str) -> None:
    """The API server's order: defaults, patches for Pods, then the decision on what came of it."""
    policy = CompiledPolicy.of(build_policy("all", {}, profile, standardVersion=file.version))
    applied = [Applied(policy, Mode.ENFORCE, ())]
    manifest = file.manifest
    group, kind = manifest["apiVersion"].rpartition("/")[0], manifest["kind"]
    set_defaults(manifest, read_object(group, kind, json.dumps(manifest).encode()).prefix)
    data = json.dumps(manifest).encode()
    request = Request(read_object(group, kind, data), None, data)
    if kind == "Pod":
        data = json.dumps(apply_patch(manifest, patch(request, applied))).encode()
        request = Request(read_object(group, kind, data), None, data)
    prefix = request.subject.prefix
    expected = [
        (each.finding.control, absolute(prefix, each.finding.pointer))
        for each in judge(request, applied).verdicts
        if not each.is_unknown
    ]
    document = f"""
apiVersion: revet.dev/v1alpha1
kind: HardeningPolicy
metadata: {{name: all}}
spec: {{namespaceSelector: {{}}, profile: {profile}, standardVersion: {file.version}}}
---
{json.dumps(file.manifest)}"""
    report = ask(document)
    assert report.problems == ()
    found = [(each.control, each.pointer) for each in report.findings if not each.patched]
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize(
    ("version", "kind", "since"),
    [
        ("extensions/v1beta1", "Deployment", "v1.16"),
        ("apps/v1beta2", "DaemonSet", "v1.16"),
        ("batch/v1beta1", "CronJob", "v1.25"),
        ("batch/v2alpha1", "CronJob", "v1.21"),
    ],
)
def test_a_version_that_is_gone_is_judged_and_told(
    ask: Ask, version: str, kind: str, since: str
) -> None:
    template = {"spec": {"hostNetwork": True, "containers": [{"name": "app"}]}}
    spec: dict[str, object] = {"template": template}
    if kind == "CronJob":
        spec = {"jobTemplate": {"spec": spec}}
    manifest = {"apiVersion": version, "kind": kind, "metadata": {"name": "old"}, "spec": spec}
    report = ask(yaml.safe_dump(manifest))
    assert "host-namespaces" in _controls(report)
    (told,) = report.not_served
    assert told.title == f"{kind} default/old"
    assert told.line == 1
    assert told.message.startswith(f"{version} is not served since Kubernetes {since}, must be ")


def test_a_version_that_never_was_is_judged_and_told(ask: Ask) -> None:
    report = ask(POD.replace("v1\n", "v3\n") + GOOD)
    assert [each.message for each in report.not_served] == [
        "no Kubernetes version serves v3 Pod, must be v1"
    ]
    assert len(report.objects) == 1


def test_kinds_that_nothing_judges_are_counted(ask: Ask) -> None:
    texts = ["kind: ConfigMap", "kind: Foo", "kind: ConfigMap"]
    report = ask("---\n".join(f"apiVersion: v1\n{each}\n" for each in texts))
    assert _reasons(report) == ["3 objects of kinds that no control judges: ConfigMap 2, Foo 1"]
    assert report.exit(Mode.AUDIT) is Exit.CLEAN


def test_what_a_controller_owns_is_left_out_but_pods(ask: Ask) -> None:
    owner = "{apiVersion: apps/v1, kind: Deployment, name: web, uid: u, controller: true}"
    metadata = f"metadata: {{name: web, ownerReferences: [{owner}]}}"
    text = f"apiVersion: apps/v1\nkind: ReplicaSet\n{metadata}\nspec: {{}}\n---\n"
    report = ask(f"{text}apiVersion: v1\nkind: Pod\n{metadata}\nspec:{GOOD}")
    assert [each.kind for each in report.objects] == ["Pod"]
    reason = "1 object of controllers, which are judged themselves, as their pods are"
    assert reason in _reasons(report)


POLICY: Final[Mapping[str, object]] = {
    "apiVersion": "revet.dev/v1alpha1",
    "kind": "HardeningPolicy",
    "metadata": {"name": "prod"},
    "spec": {"namespaceSelector": {"matchLabels": {"tier": "prod"}}, "profile": "restricted"},
}
NAMESPACE: Final = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {tier: prod}}\n"


def test_without_the_labels_of_the_namespace_the_answer_is_unknown(ask: Ask) -> None:
    report = ask(f"{yaml.safe_dump(POLICY)}---\n{POD}{GOOD}")
    assert report.left_out == (
        NotChecked(
            "in.yaml",
            "in Namespace shop: policy prod needs its labels, and the input has none of that name",
            1,
            undecided=True,
        ),
    )
    assert report.objects == ()
    assert report.exit(Mode.ENFORCE) is Exit.BAD_INPUT


def test_the_labels_of_a_namespace_of_the_input_select(ask: Ask) -> None:
    bad = POD + GOOD + "  hostPID: true\n"
    policy = yaml.safe_dump(POLICY)
    report = ask(f"{policy}---\n{bad}---\n{NAMESPACE}")
    assert "host-namespaces" in _controls(report)
    assert "The labels of 1 Namespace of the input were used." in report.notes
    report = ask(f"{policy}---\n{bad}---\n{NAMESPACE.replace('prod', 'test')}")
    assert _reasons(report) == ["2 objects in Namespace shop, which no policy selects"]
    assert report.exit(Mode.AUDIT) is Exit.CLEAN


def test_the_labels_of_other_namespaces_can_be_given(ask: Ask) -> None:
    text = f"{yaml.safe_dump(POLICY)}---\n{POD}{GOOD}  hostPID: true\n"
    assert "host-namespaces" in _controls(ask(text, namespace_labels={"tier": "prod"}))
    assert ask(text, namespace_labels={}).exit(Mode.ENFORCE) is Exit.CLEAN


def test_an_object_that_names_no_namespace_is_where_it_is_said_to_be(ask: Ask) -> None:
    text = f"{yaml.safe_dump(POLICY)}---\n{NAMESPACE}---\n{POD}{GOOD}".replace(
        ", namespace: shop", ""
    )
    assert ask(text).exit(Mode.ENFORCE) is Exit.BAD_INPUT
    report = ask(text, namespace="shop")
    assert [each.title for each in report.objects] == ["Namespace shop", "Pod shop/app"]


def test_only_a_namespace_that_is_said_is_held_against_an_object(ask: Ask) -> None:
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80}]}\n"
    found = [_controls(ask(service, namespace=each)) for each in (None, "shop", "default")]
    assert found == [[], [], ["default-namespace"]]


def test_pods_that_no_pod_selector_selects_are_said(ask: Ask) -> None:
    spec = {"namespaceSelector": {}, "profile": "high", "podSelector": {"matchLabels": {"a": "b"}}}
    report = ask(f"{yaml.safe_dump({**POLICY, 'spec': spec})}---\n{POD}{GOOD}")
    assert _reasons(report) == ["1 object whose pods no podSelector selects (prod)"]


def test_a_ceiling_for_templates_changes_no_mode(ask: Ask) -> None:
    spec = {"namespaceSelector": {}, "profile": "baseline", "templates": "Warn"}
    text = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {hostPID: true}}}
"""
    found = _one(ask(f"{yaml.safe_dump({**POLICY, 'spec': spec})}---\n{text}"), "host-namespaces")
    assert found.mode is Mode.ENFORCE


def test_what_a_limit_range_may_fill_in_is_refused_of_pods_only(ask: Ask) -> None:
    template = f"spec: {{template: {{spec: {yaml.safe_load(GOOD)}}}}}"
    deployment = f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\n{template}"
    modes = [
        _one(ask(text, policies=("high",)), "memory-limits").mode
        for text in (POD + GOOD, deployment)
    ]
    assert modes == [Mode.ENFORCE, Mode.WARN]


@pytest.mark.parametrize("name", ["Chart.yaml", "kustomization.yaml"])
def test_what_no_program_can_render_is_no_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).write_text("name: shop\n", encoding="utf-8")
    monkeypatch.setenv("PATH", "")
    report = check(Question((str(tmp_path),)))
    assert [each.undecided for each in report.left_out] == [True]
    assert report.exit(Mode.ENFORCE) is Exit.BAD_INPUT


def test_the_file_is_as_it_was(ask: Ask) -> None:
    """What the server fills in, and what would be patched, stays out of the documents."""
    text = POD + GOOD.replace("    seccompProfile: {type: RuntimeDefault}\n", "")
    ask(f"{text}  volumes: [{{name: scratch}}]\n")
    assert Path("in.yaml").read_text(encoding="utf-8") == f"{text}  volumes: [{{name: scratch}}]\n"
