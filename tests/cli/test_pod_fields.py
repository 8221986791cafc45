"""Misspelt fields of a pod are said, with the one that is meant; what there is, is not."""

import json

import pytest

from revet.cli.check.pod_fields import find_unknown
from revet.cli.check.report import Exit, NotChecked
from revet.core.model.mode import Mode
from tests.cli.conftest import Ask

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n"
WHAT = "with a field that Kubernetes does not know:"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            f"{POD}  hostPid: true\n",
            f"{WHAT} spec.hostPid (line 5): did you mean hostPID?",
        ),
        (
            f"{POD}  containers:\n  - name: a\n    securityContxt: {{privileged: false}}\n",
            f"{WHAT} spec.containers[0].securityContxt (line 7): did you mean securityContext?",
        ),
        (
            f"{POD}  containers: [{{name: a, securityContext: {{runAsNonroot: true}}}}]\n",
            (
                f"{WHAT} spec.containers[0].securityContext.runAsNonroot (line 5): "
                "did you mean runAsNonRoot?"
            ),
        ),
        (
            f"{POD}  qqq: 1\n",
            f"{WHAT} spec.qqq (line 5): the API server drops it",
        ),
    ],
)
def test_a_field_that_there_is_not_is_told(ask: Ask, text: str, reason: str) -> None:
    assert NotChecked("in.yaml", reason, 1) in ask(text).left_out


def test_so_is_one_of_a_template(ask: Ask) -> None:
    pod = {"containers": [{"name": "a", "volumeMount": []}]}
    job = {"template": {"spec": pod}}
    for kind, spec in (("Job", job), ("CronJob", {"jobTemplate": {"spec": job}})):
        text = {"apiVersion": "batch/v1", "kind": kind, "metadata": {"name": "a"}, "spec": spec}
        reasons = [each.reason for each in ask(json.dumps(text)).left_out]
        path = "spec.jobTemplate.spec.template" if kind == "CronJob" else "spec.template"
        assert (
            f"{WHAT} {path}.spec.containers[0].volumeMount (line 1): did you mean volumeMounts?"
        ) in reasons


def test_it_changes_no_exit_code(ask: Ask) -> None:
    text = f"{POD}  hostPid: true\n"
    assert ask(text, policies=("baseline",)).exit(Mode.ENFORCE) is Exit.CLEAN


def test_what_may_have_any_name_is_no_field() -> None:
    spec = {
        "nodeSelector": {"example.com/a": "b"},
        "containers": [{"resources": {"limits": {"example.com/gpu": 1}}}],
        "volumes": [{"csi": {"volumeAttributes": {"any": "x"}}}],
        "topologySpreadConstraints": [{"labelSelector": {"matchLabels": {"any": "x"}}}],
    }
    assert find_unknown(spec, "/spec") == []


def test_ten_are_enough_and_long_ones_cost_little() -> None:
    spec = {f"{'securityContext' * 10_000}{each}": 1 for each in range(100)}
    assert len(find_unknown(spec, "/spec")) == 10
