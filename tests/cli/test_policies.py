"""Which policies `revet check` judges by, and what it says of those that it can't read."""

import re
from pathlib import Path
from typing import Final

import pytest

from revet.cli.check.report import Exit, Problem
from revet.core.errors import PolicyError
from revet.core.model.mode import Mode
from revet.core.model.policy import parse_policy
from tests.cli.conftest import Ask
from tests.support.policies import PolicyFile, load_policies

POD = """
apiVersion: v1
kind: Pod
metadata: {name: app}
spec: {hostPID: true, containers: [{name: app}]}
"""


def _policy(name: str, *lines: str, profile: str = "baseline") -> str:
    head = "apiVersion: revet.dev/v1alpha1\nkind: HardeningPolicy\n"
    spec = "".join(f"\n  {line}" for line in ("namespaceSelector: {}", *lines))
    return f"{head}metadata: {{name: {name}}}\nspec:\n  profile: {profile}{spec}\n"


def test_the_restricted_profile_is_built_in(ask: Ask) -> None:
    report = ask(POD)
    (used,) = report.policies
    assert (used.name, used.profile, used.enforcement) == ("restricted", "restricted", Mode.ENFORCE)
    assert used.source == "built in"
    assert any("restricted" in note for note in report.notes)


@pytest.mark.parametrize("profile", ["baseline", "restricted", "high"])
def test_a_profile_can_be_named(ask: Ask, profile: str) -> None:
    report = ask(POD, policies=(profile,))
    assert [(each.name, each.profile) for each in report.policies] == [(profile, profile)]


def test_policies_among_the_input_are_used(ask: Ask) -> None:
    report = ask(f"{POD}---\n{_policy('mine')}---\n{_policy('yours')}")
    assert [(each.name, each.source) for each in report.policies] == [
        ("mine", "in.yaml:7"),
        ("yours", "in.yaml:14"),
    ]
    assert {each.policy for each in report.findings} == {"mine", "yours"}
    assert any("those of the input" in note for note in report.notes)


def test_given_ones_take_their_place_and_that_is_said(ask: Ask) -> None:
    name = "given.yaml"
    Path(name).write_text(_policy("given"), encoding="utf-8")
    report = ask(f"{POD}---\n{_policy('mine')}", policies=(name, "high"))
    assert [each.name for each in report.policies] == ["given", "high"]
    assert "-p says which policies judge: 1 HardeningPolicy of the input not used." in report.notes


def test_a_policy_that_does_not_enforce_is_told(ask: Ask) -> None:
    report = ask(f"{POD}---\n{_policy('mine', 'enforcement: Warn')}")
    assert any("mine has enforcement Warn" in note for note in report.notes)
    assert report.exit(Mode.ENFORCE) is Exit.FINDINGS


def test_a_wrong_field_is_told_with_its_line_and_nothing_else_judges(ask: Ask) -> None:
    report = ask(f"{POD}---\n{_policy('mine', 'controls:', '- {id: sysctls, mode: Warm}')}")
    (problem,) = report.problems
    assert (problem.file, problem.line) == ("in.yaml", 14)
    assert problem.message.startswith("HardeningPolicy mine: spec.controls[0].mode: 'Warm'")
    assert report.objects == ()
    assert report.exit(Mode.ENFORCE) is Exit.BAD_INPUT


@pytest.mark.parametrize("bad", load_policies("bad"), ids=lambda each: each.name)
def test_whatever_is_wrong_is_told_line_by_line(ask: Ask, bad: PolicyFile) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(bad.text)
    report = ask(bad.text)
    told = [each.message.partition(": ")[2] for each in report.problems]
    # The one hint of the command line stands in place of the list of all controls.
    said = (_ALL.sub(r"\1 did you mean", each) for each in str(caught.value).splitlines())
    assert [re.sub("(did you mean).*", r"\1", each) for each in told] == list(said)
    assert report.exit(Mode.ENFORCE) is Exit.BAD_INPUT


def test_a_name_counts_once(ask: Ask) -> None:
    report = ask(f"{POD}---\n{_policy('mine')}---\n{_policy('mine', profile='high')}")
    assert [each.profile for each in report.policies] == ["baseline"]
    assert report.problems == (
        Problem("in.yaml", 14, "HardeningPolicy mine is there twice, first in in.yaml:7"),
    )


@pytest.mark.parametrize(
    ("version", "kind"), [("v1", "HardeningPolicy"), ("v1alpha1", "HardenedPolicy")]
)
def test_an_unknown_kind_of_policy_is_bad_input(ask: Ask, version: str, kind: str) -> None:
    report = ask(
        f"{POD}---\napiVersion: revet.dev/{version}\nkind: {kind}\nmetadata: {{name: a}}\n"
    )
    assert [(each.line, each.message) for each in report.problems] == [
        (7, f"revet.dev/{version} {kind} is not known, must be revet.dev/v1alpha1 HardeningPolicy")
    ]


def test_a_file_without_a_policy_is_bad_input(ask: Ask) -> None:
    Path("pod.yaml").write_text(POD, encoding="utf-8")
    report = ask(POD, policies=("pod.yaml",))
    assert [each.message for each in report.problems] == [
        "holds no HardeningPolicy, must hold one, or be one of baseline, restricted, high"
    ]


def test_a_file_that_is_not_there_is_bad_input(ask: Ask) -> None:
    report = ask(POD, policies=("gone.yaml",))
    assert [each.file for each in report.problems] == ["gone.yaml"]


_ALL: Final = re.compile(r"(is not supported in this version,) must be one of .*")


def _tell(spec: str) -> str:
    return (
        f"apiVersion: revet.dev/v1alpha1\nkind: HardeningPolicy\nmetadata: {{name: p}}\nspec:\n"
        f"  namespaceSelector: {{}}\n  profile: high\n{spec}"
    )


@pytest.mark.parametrize(
    ("spec", "line", "message"),
    [
        (
            "  templates: Warn\n  network: {mode: Audit}\n  exceptions: {maxDuration: 24h}\n",
            9,
            "HardeningPolicy p: spec.exceptions is not supported in this version",
        ),
        (
            "  controls:\n  - {id: sysctls, mode: Audit}\n  - id: run-as-nonroot\n    mode: Warn\n",
            9,
            (
                'HardeningPolicy p: spec.controls[1].id: control "run-as-nonroot" is not supported '
                "in this version, did you mean run-as-non-root?"
            ),
        ),
        (
            "  controls:\n  - id: run-as-non-root\n    ports: [1]\n",
            9,
            (
                'HardeningPolicy p: spec.controls[0].ports: control "run-as-non-root" has no '
                "setting ports; docs/controls.md lists those of each"
            ),
        ),
    ],
)
def test_what_is_wrong_is_told_at_its_line(ask: Ask, spec: str, line: int, message: str) -> None:
    (problem,) = ask(_tell(spec)).problems
    assert (problem.line, problem.message) == (line, message)


def test_a_control_that_is_like_none_is_told_all_there_are(ask: Ask) -> None:
    (problem,) = ask(_tell("  controls:\n  - {id: zzz, mode: Warn}\n")).problems
    assert "must be one of privileged-containers, " in problem.message
