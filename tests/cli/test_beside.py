"""What controls ask for beside an object: found in the input, or said to be needed."""

from typing import Final

import pytest

from revet.cli.check.report import Exit, Report
from revet.core.model.mode import Mode
from tests.cli.conftest import Ask

POD: Final = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  serviceAccountName: api
  containers: [{name: app, image: "registry.example/app:1"}]
"""
QUIET: Final = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: api, namespace: shop}
automountServiceAccountToken: false
"""
LOUD: Final = QUIET.replace("false", "true")
BOUND: Final = """
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: api, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: api, namespace: shop}]
"""
ISOLATED: Final = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: all, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""
NEEDS_ACCOUNT: Final = "1 object by automount-sa-token: needs ServiceAccount shop/api"
NEEDS_BINDINGS: Final = (
    "1 object by automount-sa-token: needs all RoleBindings and ClusterRoleBindings, "
    "for ServiceAccount shop/api"
)
NEEDS_POLICIES: Final = (
    "1 object by netpol-pod-coverage: needs all NetworkPolicies of Namespace shop"
)


def _needs(report: Report, control: str) -> list[str]:
    assert control not in {each.control for each in report.findings}
    return [each.text for each in report.not_checked if f"by {control}: " in each.text]


@pytest.mark.parametrize(
    ("beside", "needs"),
    [
        ("", [NEEDS_ACCOUNT]),
        (QUIET, []),
        (LOUD, [NEEDS_BINDINGS]),
        (LOUD + "---" + BOUND, []),
        (BOUND, [NEEDS_ACCOUNT]),
        (QUIET.replace("shop", "elsewhere"), [NEEDS_ACCOUNT]),
        # What can't be read is not seen.
        (QUIET.replace("false", '"no"'), [NEEDS_ACCOUNT]),
    ],
)
def test_a_token_needs_its_account_and_all_bindings(
    ask: Ask, beside: str, needs: list[str]
) -> None:
    assert _needs(ask(f"{POD}---{beside}"), "automount-sa-token") == needs


@pytest.mark.parametrize(("beside", "needs"), [("", [NEEDS_POLICIES]), (ISOLATED, [])])
def test_a_network_policy_of_the_input_is_seen(ask: Ask, beside: str, needs: list[str]) -> None:
    assert _needs(ask(f"{POD}---{beside}"), "netpol-pod-coverage") == needs


@pytest.mark.parametrize("namespace", [None, "shop"])
def test_what_names_no_namespace_is_beside_what_names_none(ask: Ask, namespace: str | None) -> None:
    text = f"{POD}---{QUIET}---{ISOLATED}".replace(", namespace: shop", "")
    report = ask(text, namespace=namespace)
    assert _needs(report, "automount-sa-token") == _needs(report, "netpol-pod-coverage") == []


def test_what_is_needed_is_told_and_is_no_bad_input(ask: Ask) -> None:
    report = ask(BOUND.replace("view", "other"))
    assert _needs(report, "rbac-cluster-admin") == [
        "1 object by rbac-cluster-admin: needs ClusterRole other"
    ]
    assert report.exit(Mode.ENFORCE) is Exit.CLEAN


def test_a_namespace_of_the_input_is_judged(ask: Ask) -> None:
    namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
    report = ask(f"{namespace}---{ISOLATED}")
    assert [each.control for each in report.findings] == ["psa-labels"]
    assert _needs(report, "netpol-default-deny-ingress") == []
    assert _needs(report, "limit-range") == [
        "1 object by limit-range: needs all LimitRanges of Namespace shop"
    ]
