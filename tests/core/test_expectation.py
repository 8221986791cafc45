"""What a policy has written into namespaces, as the webhook can tell that it is there."""

import json
from typing import Any, Final

import pytest

from revet.core.expectation import Expectation
from revet.core.neighbours import Neighbours, read_neighbour
from revet.core.network.facts import Place
from revet.core.render.networkpolicy import network_policies
from tests.support.manifests import Manifest
from tests.support.policy_builder import build_policy

LABELS: Final = {"pod-security.kubernetes.io/warn": "baseline"}
ASKED: Final[dict[str, Any]] = {
    "podSecurity": {"warn": "baseline"},
    "resourceQuota": {"hard": {"pods": 5}},
    "limitRange": {"limits": [{"type": "Pod", "max": {"cpu": 1}}]},
    "serviceAccounts": {"automountToken": False},
}
NETWORK: Final = {"mode": "Enforce"}


def _expect(**spec: Any) -> Expectation:  # noqa: ANN401 -- as build_policy's
    expected = Expectation.of(build_policy(**spec))
    assert expected is not None
    return expected


def _around(*manifests: Manifest) -> Neighbours:
    around = Neighbours(lambda _: True)
    for each in manifests:
        placed = {**each, "metadata": {"namespace": "shop", **each["metadata"]}}
        around.put(read_neighbour(each["kind"], json.dumps(placed).encode()))
    return around


def _made(kind: str, name: str, **fields: object) -> Manifest:
    return {"kind": kind, "metadata": {"name": name}, **fields}


QUOTA: Final = _made("ResourceQuota", "any", spec={"hard": {"pods": "9", "services": "1"}})
LIMITS: Final = _made("LimitRange", "any", spec={"limits": [{"type": "Pod", "max": {"cpu": "2"}}]})
QUIET: Final = _made("ServiceAccount", "default", automountServiceAccountToken=False)
[ISOLATE, *_] = network_policies(build_policy(network=NETWORK), Place("shop"))


@pytest.mark.parametrize(
    ("spec", "needs"),
    [
        (
            {"namespaces": {"mode": "Enforce", **ASKED}},
            {"ResourceQuota", "LimitRange", "ServiceAccount"},
        ),
        ({"network": NETWORK}, {"NetworkPolicy"}),
        ({"namespaces": {"mode": "Enforce", "podSecurity": {"audit": "baseline"}}}, set[str]()),
    ],
)
def test_only_what_is_written_has_to_be_seen(spec: Manifest, needs: set[str]) -> None:
    assert _expect(**spec).needs == needs


@pytest.mark.parametrize(
    "spec", [{}, {"namespaces": ASKED, "network": {}}, {"namespaces": {"mode": "Enforce"}}]
)
def test_where_nothing_is_written_nothing_is_expected(spec: Manifest) -> None:
    assert Expectation.of(build_policy(**spec)) is None


@pytest.mark.parametrize(
    ("labels", "there", "missing"),
    [
        (LABELS, [QUOTA, LIMITS, QUIET, ISOLATE], []),
        ({}, [QUOTA, LIMITS, QUIET, ISOLATE], ["its Pod Security labels"]),
        # As the operator has it, people's own stricter labels stay, and count.
        ({"pod-security.kubernetes.io/warn": "restricted"}, [QUOTA, LIMITS, QUIET, ISOLATE], []),
        (LABELS, [LIMITS, QUIET, ISOLATE], ["its ResourceQuota"]),
        (LABELS, [QUOTA, QUIET, ISOLATE], ["its LimitRange"]),
        (
            LABELS,
            [QUOTA, LIMITS, {**QUIET, "automountServiceAccountToken": True}, ISOLATE],
            ["automountServiceAccountToken: false on its ServiceAccount default"],
        ),
        (
            LABELS,
            [QUOTA, LIMITS, {**QUIET, "metadata": {"name": "other"}}, ISOLATE],
            ["automountServiceAccountToken: false on its ServiceAccount default"],
        ),
        (LABELS, [QUOTA, LIMITS, QUIET], ["its NetworkPolicies"]),
    ],
)
def test_what_is_missing_is_told(
    labels: dict[str, str], there: list[Manifest], missing: list[str]
) -> None:
    expected = _expect(namespaces={"mode": "Enforce", **ASKED}, network=NETWORK)
    assert expected.list_missing("shop", labels, _around(*there)) == missing
    assert len(expected.list_missing("other", labels, _around(*there))) >= 4


@pytest.mark.parametrize(
    "spec",
    [
        {**ISOLATE["spec"], "ingress": [{}]},
        {**ISOLATE["spec"], "policyTypes": ["Ingress"]},
    ],
)
def test_a_name_alone_isolates_nothing(spec: Manifest) -> None:
    around = _around({**ISOLATE, "spec": spec})
    assert _expect(network=NETWORK).list_missing("shop", {}, around) == ["its NetworkPolicies"]
