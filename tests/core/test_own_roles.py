"""What Kubernetes itself writes of its default roles is reported, and never refused.

The API server writes them before it is ready, and ends where it can't; and a default role that was
once refused would take in no aggregated role any more.
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
        ("system:node", "system:apiserver", Mode.AUDIT),
        ("edit", "jane", Mode.ENFORCE),
        ("edit", "system:serviceaccount:kube-system:other", Mode.ENFORCE),
        ("system:node", "", Mode.ENFORCE),
        # An aggregate of somebody's own is as strong as what it takes in.
        ("monitoring", AGGREGATOR, Mode.ENFORCE),
        ("editor", "system:apiserver", Mode.ENFORCE),
    ],
)
def test_what_kubernetes_writes_of_its_own_roles_is_only_reported(
    name: str, user: str, mode: Mode
) -> None:
    assert _modes("ClusterRole", name, user, rules=[EXEC]) == {mode}


def test_that_is_so_of_bindings_too() -> None:
    data = json.dumps(
        {
            "metadata": {"name": "system:discovery"},
            "roleRef": {"kind": "ClusterRole", "name": "system:discovery"},
            "subjects": [{"kind": "Group", "name": "system:unauthenticated"}],
        }
    ).encode()
    binding = read_object("rbac.authorization.k8s.io", "ClusterRoleBinding", data)
    for user, mode in (("system:apiserver", Mode.AUDIT), ("jane", Mode.ENFORCE)):
        decision = judge(Request(binding, None, data, (), user), APPLIED)
        assert {each.mode for each in decision.verdicts} == {mode}
