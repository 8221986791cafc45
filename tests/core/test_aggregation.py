"""What Kubernetes itself fills in to its aggregated roles is reported, and never refused.

One that was once refused would take in no role any more.
"""

import json
from typing import Any

import pytest

from revet.core.admission import Request, judge, read_object
from revet.core.checks import ALL
from revet.core.compiled_policy import apply
from revet.core.model.mode import Mode
from tests.support.policy_builder import compile_policy

AGGREGATOR = "system:serviceaccount:kube-system:clusterrole-aggregation-controller"
POLICY = compile_policy(
    selector={},
    catalog=ALL,
    controls=[{"id": "rbac-exec", "mode": "Enforce"}],
    enforcement="Enforce",
)
APPLIED = apply([POLICY], "", {}, frozenset())
EXEC = {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create"]}


def _modes(kind: str, name: str, user: str, **fields: Any) -> set[Mode]:  # noqa: ANN401 -- JSON
    data = json.dumps({"metadata": {"name": name}, **fields}).encode()
    request = Request(
        read_object("rbac.authorization.k8s.io", kind, data), None, data, ("system:masters",), user
    )
    decision = judge(request, APPLIED)
    return {each.mode for each in decision.verdicts if each.finding.control == "rbac-exec"}


@pytest.mark.parametrize(
    ("name", "user", "mode"),
    [
        ("edit", AGGREGATOR, Mode.AUDIT),
        ("admin", "system:kube-controller-manager", Mode.AUDIT),
        ("edit", "jane", Mode.ENFORCE),
        ("edit", "system:serviceaccount:kube-system:other", Mode.ENFORCE),
        ("edit", "", Mode.ENFORCE),
        ("system:node", AGGREGATOR, Mode.ENFORCE),
        # An aggregate of somebody's own is as strong as what it takes in.
        ("monitoring", AGGREGATOR, Mode.ENFORCE),
    ],
)
def test_what_kubernetes_fills_in_itself_is_only_reported(name: str, user: str, mode: Mode) -> None:
    assert _modes("ClusterRole", name, user, rules=[EXEC]) == {mode}
