"""Credentials in the environment are found, and shown to nobody; long values cost little."""

import time
from typing import Any

import pytest

from revet.core.checks import BY_ID, cloud_static_creds, plaintext_credentials
from revet.core.compiled_policy import Applied
from revet.core.decide import decide
from revet.core.engine import ActiveCheck, evaluate
from revet.core.message import audit, denial, warnings
from revet.core.model.mode import Mode
from revet.core.model.pod import Pod
from revet.core.model.version import LATEST
from revet.core.workload import Subject
from tests.support.check_files import CheckFile, load_check_files, read_manifest
from tests.support.policy_builder import compile_policy

CONTROLS = ("plaintext-credentials", "cloud-static-creds")
BAD = [file for file in load_check_files() if file.check in CONTROLS and file.verdict == "fail"]
MIB = 1024 * 1024


def _values(node: Any) -> list[str]:  # noqa: ANN401 -- a JSON value
    if isinstance(node, list):
        return [value for each in node for value in _values(each)]
    if isinstance(node, dict):
        own = [node["value"]] if isinstance(node.get("value"), str) else []
        return own + [value for each in node.values() for value in _values(each)]
    return []


@pytest.mark.parametrize("mode", ["Enforce", "Warn"])
@pytest.mark.parametrize("file", BAD, ids=lambda file: file.title)
def test_no_text_shows_a_value(file: CheckFile, mode: str) -> None:
    policy = compile_policy(
        enforcement="Enforce",
        catalog=tuple(BY_ID.values()),
        controls=[{"id": control, "mode": mode} for control in CONTROLS],
    )
    subject = file.subject
    assert isinstance(subject, Subject)
    decision = decide(
        subject.pod(), [Applied(policy, Mode.ENFORCE, ())], is_pod=True, at_most=Mode.ENFORCE
    )
    assert {each.finding.control for each in decision.verdicts} & set(CONTROLS)
    texts = [*warnings(subject, decision), audit(subject, decision)]
    texts += [] if decision.allowed else [denial(subject, "shop", decision)]
    texts += [str(each.finding) for each in decision.verdicts]
    values = [each for each in _values(file.manifest) if each]
    assert values
    assert [each for each in values for text in texts if each in text] == []


def _found(value: str, name: str = "A") -> list[str]:
    variable = {"name": name, "value": value}
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "spec": {"containers": [{"name": "app", "env": [variable]}]},
    }
    return [each.control for each in evaluate(_pod(manifest), ACTIVE)]


def _pod(manifest: dict[str, Any]) -> Pod:
    return read_manifest(manifest).pod()


ACTIVE = [
    ActiveCheck(check.id, revision.run, Mode.ENFORCE)
    for check in (plaintext_credentials.CHECK, cloud_static_creds.CHECK)
    if (revision := check.revision(LATEST)) is not None
]


@pytest.mark.parametrize(
    ("value", "control"),
    [
        ("://a:b@", "plaintext-credentials"),
        ("-----BEGIN EC PRIVATE KEY-----", "plaintext-credentials"),
        ("AKIA0123456789ABCDEF", "cloud-static-creds"),
    ],
)
def test_the_first_16_kib_are_looked_at(value: str, control: str) -> None:
    room = 16 * 1024 - len(value)
    assert _found(f"{' ' * room}{value} ") == [control]
    assert _found(f"{' ' * (room + 1)}{value} ") == []


@pytest.mark.parametrize(
    "unit",
    [
        "a://",
        "://a:",
        "-----BEGIN A",
        "-----BEGIN  PRIVATE KEY----",
        '"type" ',
        '"type"  : service_account',
        "AccountKey=",
        "AKIA",
        "gh",
        "ghp_0",
        "xoxb-",
        "\u0000\u6d4b\u8bd5",
    ],
)
def test_a_megabyte_is_judged_at_once(unit: str) -> None:
    value = unit * (MIB // len(unit))
    started = time.perf_counter()
    _found(value, "PASSWORD_" + "a" * MIB)
    many = {"name": "app", "env": [{"name": "x", "value": value[:16_384]}] * 150}
    manifest = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [many]}}
    evaluate(_pod(manifest), ACTIVE)
    # What grows with the square would take minutes.
    assert time.perf_counter() - started < 5
