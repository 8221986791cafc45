"""What people read, word for word: denials, warnings and audit annotations."""

import json
import unicodedata
from collections.abc import Sequence
from typing import Any

import pytest

from revet.core.check import Finding, Fix
from revet.core.compiled_policy import Applied, CompiledPolicy, apply
from revet.core.decide import Decision, Verdict, decide
from revet.core.message import audit, denial, place, title, warnings
from revet.core.model.mode import Mode
from revet.core.workload import Subject
from tests.support.check_files import read_manifest
from tests.support.policy_builder import compile_policy

Manifest = dict[str, Any]


def _deployment(*containers: Manifest, name: str = "web", **spec: object) -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"template": {"spec": {"containers": list(containers), **spec}}},
    }


def _pod(*containers: Manifest, **spec: object) -> Manifest:
    metadata = {"generateName": "web-5d8f-"}
    spec = {"containers": list(containers), **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _decide(manifest: Manifest, *policies: CompiledPolicy) -> tuple[Subject, Decision]:
    subject = read_manifest(manifest)
    applied = apply(policies, "prod", {"tier": "prod"}, frozenset())
    decision = decide(subject.pod(), applied, is_pod=subject.is_pod, at_most=Mode.ENFORCE)
    return subject, decision


PRODUCTION = compile_policy("production", enforcement="Enforce")
EVERYWHERE = compile_policy("everywhere", {}, "baseline", enforcement="Enforce")
APP = {"name": "app", "securityContext": {"runAsNonRoot": True, "privileged": True}}

ONE_POLICY = """\
Deployment prod/web: 5 findings, policy production (restricted)
  privileged-containers    spec.template.spec.containers[0] "app": privileged is true, must be \
false or unset
                           fix: securityContext: {privileged: false}
  host-namespaces          spec.template.spec: hostPID is true, must be false or \
unset: no host namespaces
                           fix: hostPID: false
  no-privilege-escalation  spec.template.spec.containers[0] "app": allowPrivilegeEscalation is not \
set, must be false
                           fix: securityContext: {allowPrivilegeEscalation: false}
  seccomp-required         spec.template.spec.containers[0] "app": seccompProfile is not set, must \
be RuntimeDefault or Localhost
                           fix: securityContext: {seccompProfile: {type: RuntimeDefault}}
  drop-all-capabilities    spec.template.spec.containers[0] "app": capabilities.drop is not set \
(unrestricted capabilities), must have ALL
                           fix: securityContext: {capabilities: {drop: [ALL]}}
Why, and how to fix it: revet explain privileged-containers host-namespaces \
no-privilege-escalation seccomp-required drop-all-capabilities"""

TWO_POLICIES = """\
Pod prod/web-5d8f-*: 2 findings, policies everywhere (baseline), production (restricted)
  host-namespaces      spec: hostNetwork is true, must be false or unset: no host \
namespaces (everywhere, production)
                       fix: hostNetwork: false
  run-as-user-nonzero  spec.securityContext: runAsUser is 0, must be another number or unset \
(production)
                       fix: securityContext: {runAsUser: 10001}
Why, and how to fix it: revet explain host-namespaces run-as-user-nonzero"""

GOOD_CONTEXT: Manifest = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
GOOD = {"name": "app", "securityContext": GOOD_CONTEXT}


def test_a_denial_of_one_policy() -> None:
    subject, decision = _decide(_deployment(APP, hostPID=True), PRODUCTION)
    assert denial(subject, "prod", decision) == ONE_POLICY


def test_a_denial_of_two_policies_names_those_of_each_finding() -> None:
    manifest = _pod(GOOD, hostNetwork=True, securityContext={"runAsUser": 0})
    subject, decision = _decide(manifest, PRODUCTION, EVERYWHERE)
    assert denial(subject, "prod", decision) == TWO_POLICIES


def test_a_denial_of_one_finding_is_in_the_singular() -> None:
    subject, decision = _decide(_pod(GOOD, hostIPC=True), PRODUCTION)
    assert denial(subject, "prod", decision) == (
        "Pod prod/web-5d8f-*: 1 finding, policy production (restricted)\n"
        "  host-namespaces  spec: hostIPC is true, must be false or unset: no host namespaces\n"
        "                   fix: hostIPC: false\n"
        "Why, and how to fix it: revet explain host-namespaces"
    )


def _many_ports(count: int) -> Manifest:
    ports = [{"containerPort": 1000 + each, "hostPort": 1000 + each} for each in range(count)]
    return _pod(GOOD | {"ports": ports}, hostPID=True)


@pytest.mark.parametrize(("count", "more"), [(49, 0), (50, 1), (70, 21)])
def test_a_denial_shows_fifty_findings_and_counts_the_rest(count: int, more: int) -> None:
    subject, decision = _decide(_many_ports(count), PRODUCTION)
    lines = denial(subject, "prod", decision).splitlines()
    assert lines[0].startswith(f"Pod prod/web-5d8f-*: {count + 1} findings, ")
    assert sum(": hostPort is" in line for line in lines) == min(count, 49)
    assert [line for line in lines if " more" in line] == ([f"  and {more} more"] if more else [])
    # What is not shown is explained all the same.
    assert lines[-1] == "Why, and how to fix it: revet explain host-namespaces host-ports"


def test_what_only_warns_is_not_in_the_denial() -> None:
    policy = compile_policy(
        enforcement="Enforce", controls=[{"id": "host-namespaces", "mode": "Warn"}]
    )
    manifest = _pod(GOOD, hostPID=True, securityContext={"runAsUser": 0})
    subject, decision = _decide(manifest, policy)
    assert "hostPID" not in denial(subject, "prod", decision)
    [warning] = warnings(subject, decision)
    assert warning == (
        "host-namespaces (production): spec: hostPID is true, must be false or unset: "
        "no host namespaces"
    )


EVIL = "a\x1b[31mred\nError: all is well\r\x07\u202eltr\u2028\x7f\x85\x00"


def _is_harmless(text: str) -> bool:
    return not any(unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"} for char in text)


def _evil_manifest(value: str) -> Manifest:
    annotation = f"container.apparmor.security.beta.kubernetes.io/{value}"
    manifest = _pod(
        {
            "name": value,
            "securityContext": {
                "procMount": value,
                "capabilities": {"add": [value], "drop": [value]},
                "seLinuxOptions": {"type": value, "user": value, "role": value},
                "seccompProfile": {"type": value},
                "appArmorProfile": {"type": value},
            },
            "livenessProbe": {"httpGet": {"host": value}},
        },
        volumes=[{"name": value, "hostPath": {"path": value}}],
        securityContext={"sysctls": [{"name": value}]},
    )
    manifest["metadata"] |= {"name": value, "annotations": {annotation: value}}
    return manifest


@pytest.mark.parametrize("value", [EVIL, EVIL * 1000, "x" * 100_000])
def test_values_are_shown_harmlessly(value: str) -> None:
    baseline = compile_policy("warns", {}, "baseline", enforcement="Warn")
    subject, decision = _decide(_evil_manifest(value), PRODUCTION, baseline)
    text = denial(subject, value, decision)
    refused = decision.in_mode(Mode.ENFORCE)
    # title, two lines for each finding, and the last one: no value makes a line of its own
    assert len(text.split("\n")) == len(text.splitlines()) == 2 + 2 * len(refused)
    assert all(_is_harmless(line) for line in text.split("\n"))
    assert len(text) < 10_000 * len(refused)
    warned = warnings(subject, decision)
    assert warned
    assert all(_is_harmless(each) and len(each) <= 256 for each in warned)
    assert _is_harmless(title(subject, value))
    findings = json.loads(audit(subject, decision))
    assert max(len(text) for each in findings for text in each.values()) <= 1024


def test_a_character_that_steers_is_shown_by_its_number() -> None:
    container = GOOD | {"securityContext": GOOD_CONTEXT | {"procMount": "a\x1b[31m\n"}}
    subject, decision = _decide(_pod(container), PRODUCTION)
    assert 'procMount is "a\\u001b[31m\\u000a", must be' in denial(subject, "prod", decision)


def _warn(count: int, message: str = "hostPort is 80") -> Decision:
    applied = Applied(compile_policy(enforcement="Warn"), Mode.WARN, ())
    return Decision(
        tuple(
            Verdict(
                applied,
                Finding("host-ports", f"/spec/containers/0/ports/{each}", message, "app"),
                Mode.WARN,
            )
            for each in range(count)
        )
    )


@pytest.mark.parametrize(("count", "shown"), [(0, 0), (1, 1), (16, 16), (17, 17), (40, 17)])
def test_sixteen_warnings_and_a_line_for_the_rest(count: int, shown: int) -> None:
    texts = warnings(read_manifest(_pod(GOOD)), _warn(count))
    assert len(texts) == shown
    if count > 16:
        assert texts[-1] == f"{count - 16} more findings are in the audit annotation"


@pytest.mark.parametrize("length", [1, 100, 1000, 100_000])
def test_a_warning_is_cut_where_the_api_server_would(length: int) -> None:
    (text,) = warnings(read_manifest(_pod(GOOD)), _warn(1, "é" * length))
    assert len(text) <= 256
    assert text.startswith('host-ports (production): spec.containers[0] "app": é')
    assert text.endswith("…") == (length > 200)


def test_the_audit_annotation_holds_every_verdict() -> None:
    audited = compile_policy("audited", {}, "baseline")
    subject, decision = _decide(_deployment(GOOD, hostPID=True), audited, PRODUCTION)
    finding = {
        "control": "host-namespaces",
        "path": "/spec/template/spec/hostPID",
        "message": "hostPID is true, must be false or unset: no host namespaces",
    }
    assert json.loads(audit(subject, decision)) == [
        {"policy": "audited", "mode": "Audit", **finding},
        {"policy": "production", "mode": "Enforce", **finding},
    ]
    assert ": " not in audit(subject, decision).split('"hostPID')[0]


def test_the_audit_annotation_is_bounded() -> None:
    subject, decision = _decide(_many_ports(70), PRODUCTION)
    findings = json.loads(audit(subject, decision))
    assert len(findings) == 51
    assert findings[-1] == {"more": 21}


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"name": "web"}, "Pod prod/web"),
        ({"name": "web-1", "generateName": "web-"}, "Pod prod/web-1"),
        ({"generateName": "web-"}, "Pod prod/web-*"),
        ({}, "Pod prod/*"),
    ],
)
def test_the_title_names_the_object(metadata: Manifest, expected: str) -> None:
    assert title(read_manifest(_pod() | {"metadata": metadata}), "prod") == expected


PLACES: Sequence[tuple[str, str, str | None, str]] = [
    ("", "/spec/hostPID", None, "spec"),
    ("", "/spec/securityContext/runAsUser", None, "spec.securityContext"),
    ("", "/spec/securityContext/sysctls/0/name", None, "spec.securityContext"),
    ("", "/spec/volumes/2/hostPath", None, "spec.volumes[2]"),
    ("", "/metadata/annotations/example.com~1a", None, "metadata"),
    ("", "/spec/initContainers/1/ports/0/hostPort", "mesh", 'spec.initContainers[1] "mesh"'),
    ("/spec/template", "/spec/hostPID", None, "spec.template.spec"),
    ("/template", "/spec/containers/0/x", "app", 'template.spec.containers[0] "app"'),
    (
        "/spec/jobTemplate/spec/template",
        "/spec/securityContext/runAsNonRoot",
        None,
        "spec.jobTemplate.spec.template.spec.securityContext",
    ),
]


@pytest.mark.parametrize(("prefix", "pointer", "container", "expected"), PLACES)
def test_a_place_is_shown_as_kubernetes_writes_it(
    prefix: str, pointer: str, container: str | None, expected: str
) -> None:
    assert place(prefix, pointer, container) == expected


def test_a_finding_without_a_fix_is_shown_without() -> None:
    finding = Finding("host-ports", "/spec/containers/0/ports/0", "hostPort is 80", "app")
    applied = Applied(PRODUCTION, Mode.ENFORCE, ())
    for fix, lines in ((None, 3), (Fix("remove it"), 4)):
        shown = Finding(finding.control, finding.pointer, finding.message, "app", fix)
        decision = Decision((Verdict(applied, shown, Mode.ENFORCE),))
        assert len(denial(read_manifest(_pod(GOOD)), "prod", decision).splitlines()) == lines
