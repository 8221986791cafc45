"""Input that no API server would take: an error that says where and why, or a finding. No crash."""

from typing import Final

import pytest
import yaml

from revet.cli.check.report import Exit
from revet.core.model.mode import Mode
from tests.cli.conftest import Ask

HEAD: Final = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: app\n"
MANY: Final = f"spec: {{containers: [{', '.join(['{}'] * 10_000)}]}}\n"

ERRORS: Final = {
    "number-for-a-string": (
        HEAD + "spec:\n  containers:\n  - name: app\n    image: 7\n",
        8,
        "Pod app: spec.containers[0].image: is an integer, must be a string or null",
    ),
    "text-for-a-bool": (
        HEAD + "spec:\n  hostPID: 'true'\n",
        6,
        "Pod app: spec.hostPID: is a string, must be true or false or null",
    ),
    "list-for-an-object": (HEAD + "spec: []\n", 5, "Pod app: spec: is a list, must be an object"),
    "no-metadata": (
        "apiVersion: v1\nkind: Pod\nmetadata: 5\n",
        3,
        "Pod: metadata: is an integer, must be an object or null",
    ),
    "label-in-a-map": (
        "apiVersion: v1\nkind: Pod\nmetadata:\n  labels:\n    a: 5\n",
        4,
        "Pod: metadata.labels: is an integer, must be a string",
    ),
    "ten-thousand-containers": (
        HEAD + MANY,
        1,
        "Pod app: 10000 containers, must be 500 at most",
    ),
    "huge-number": (
        HEAD + "spec:\n  x: 123456789012345678901234567890\n  hostPID: 1\n",
        7,
        "Pod app: spec.hostPID: is an integer, must be true or false",
    ),
}


@pytest.mark.parametrize(("text", "line", "message"), ERRORS.values(), ids=ERRORS)
def test_it_is_told_where_and_why(ask: Ask, text: str, line: int, message: str) -> None:
    report = ask(text)
    (problem,) = report.problems
    assert problem.message.startswith(message)
    assert (problem.file, problem.line) == ("in.yaml", line)
    assert report.exit(Mode.ENFORCE) is Exit.BAD_INPUT


def test_the_other_objects_are_judged(ask: Ask) -> None:
    good = "apiVersion: v1\nkind: Pod\nmetadata: {name: b}\nspec: {hostPID: true}\n"
    report = ask(f"{HEAD}spec: 7\n---\n{good}")
    assert [each.name for each in report.objects] == ["b"]
    assert "host-namespaces" in {each.control for each in report.findings}
    assert len(report.problems) == 1


NESTED: Final = "[" * 150 + "]" * 150
ODD: Final = {
    "nul": HEAD + 'spec: {containers: [{name: "a\\0b", image: "\\0"}]}\n',
    "unicode": HEAD + "spec: {containers: [{name: '\uff41\u202e', image: '\U0001f4a9'}]}\n",
    "surrogate": HEAD + 'spec: {containers: [{name: "\\ud800"}]}\n',
    "nesting-that-nobody-reads": HEAD + f"spec: {{x: {NESTED}}}\n",
    "nesting-in-what-is-read": HEAD + f"spec: {{containers: {NESTED}}}\n",
    "infinity": HEAD + "spec: {x: .inf, y: 1e999, z: .nan}\n",
    "kind-that-is-a-number": "apiVersion: 1\nkind: 2\nmetadata: {name: a}\n",
    "kind-that-is-a-list": "apiVersion: v1\nkind: [Pod]\n",
    "namespace-without-a-name": "apiVersion: v1\nkind: Namespace\nmetadata: 7\n",
    "namespace-with-odd-labels": "apiVersion: v1\nkind: Namespace\n"
    "metadata: {name: a, labels: [1]}\n",
    "policy-without-anything": "apiVersion: revet.dev/v1alpha1\nkind: HardeningPolicy\n",
    "policy-of-nonsense": "apiVersion: revet.dev/v1alpha1\nkind: HardeningPolicy\nspec: [1]\n",
    "policy-with-a-huge-number": "apiVersion: revet.dev/v1alpha1\nkind: HardeningPolicy\n"
    "metadata: {name: a, generation: 123456789012345678901234567890}\nspec: {profile: high}\n",
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_nothing_crashes_and_nothing_is_silent(ask: Ask, text: str) -> None:
    report = ask(text)
    told = [*report.objects, *report.problems, *report.not_checked, *report.notes]
    assert told
    if "HardeningPolicy" in text:
        assert report.exit(Mode.ENFORCE) is Exit.BAD_INPUT


def test_every_kind_with_an_absurd_spec_is_told(ask: Ask) -> None:
    places = [("v1", "Pod"), ("v1", "PodTemplate"), ("v1", "ReplicationController")]
    places += [("apps/v1", each) for each in ("DaemonSet", "Deployment", "ReplicaSet")]
    places += [("apps/v1", "StatefulSet"), ("batch/v1", "Job"), ("batch/v1", "CronJob")]
    documents = [
        {"apiVersion": version, "kind": kind, "metadata": {"name": "a"}, "spec": 1, "template": 1}
        for version, kind in places
    ]
    report = ask(yaml.safe_dump_all(documents))
    assert [each.message.partition(" ")[0] for each in report.problems] == [
        kind for _, kind in places
    ]
