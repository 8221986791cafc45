"""A megabyte of anything is judged fast or refused by name: one request must not stall the rest."""

import json
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from revet.core.admission import Request, judge, read_object
from revet.core.checks import ALL
from revet.core.compiled_policy import apply
from revet.core.errors import ManifestError
from revet.core.item import read_item
from revet.core.kinds import BY_NAME
from revet.core.neighbours import Neighbours, read_neighbour
from revet.core.permissions import ROLES
from revet.core.size_limits import refuse_absurd
from revet.core.workload import Subject
from tests.support.policy_builder import compile_policy

Manifest = dict[str, Any]
MEBIBYTE = 2**20
#: Of Python's functions and C's: about half a second on a slow core, and the same on any machine.
MOST_CALLS = 2_000_000
APPLIED = apply(
    [
        compile_policy(name=name, selector={}, catalog=ALL, enforcement="Enforce")
        for name in ("one", "two")
    ],
    "shop",
    {},
    frozenset(),
)
ALL_RIGHTS: Manifest = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
A_RIGHT: Manifest = {"verbs": ["get"], "apiGroups": [""], "resources": ["a"]}
MASTERS: Manifest = {"kind": "Group", "name": "system:masters"}
SELECTOR: Manifest = {"namespaceSelector": {}}
TOKEN: Manifest = {"serviceAccountToken": {"expirationSeconds": 99999}}
ADMIN: Manifest = {"roleRef": {"kind": "ClusterRole", "name": "cluster-admin"}}
EMPTY: Manifest = {}


def _count_calls(work: Callable[[], object]) -> int:
    calls = 0

    def note(_: FrameType, event: str, __: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


def _fill(item: object) -> list[object]:
    return [item] * (MEBIBYTE // (len(json.dumps(item)) + 2))


def _blocks() -> list[Manifest]:
    return [{"ipBlock": {"cidr": f"{at % 256}.{at // 256 % 256}.0.0/1"}} for at in range(30_000)]


#: Kind, name, what it says, and the list that has too many; none where all of it is judged.
LARGE: list[tuple[str, str, Manifest, str]] = [
    ("Role", "a", {"rules": _fill(A_RIGHT)}, "rules"),
    ("Role", "a", {"rules": _fill(EMPTY)}, "rules"),
    ("ClusterRole", "a", {"rules": _fill(ALL_RIGHTS)}, "rules"),
    ("ClusterRole", "admin", {"rules": _fill(ALL_RIGHTS)}, "rules"),
    ("ClusterRole", "a", {"rules": [{**A_RIGHT, "resources": _fill("a/b")}]}, "resources"),
    ("RoleBinding", "a", {**ADMIN, "subjects": _fill(MASTERS)}, "subjects"),
    ("ClusterRoleBinding", "cluster-admin", {**ADMIN, "subjects": _fill(MASTERS)}, "subjects"),
    ("NetworkPolicy", "a", {"spec": {"ingress": _fill(EMPTY)}}, "ingress"),
    ("NetworkPolicy", "a", {"spec": {"ingress": [{"from": _fill(SELECTOR)}]}}, "from"),
    ("NetworkPolicy", "a", {"spec": {"egress": [{"to": _blocks()}]}}, "to"),
    (
        "NetworkPolicy",
        "a",
        {"spec": {"egress": [{"to": [{"ipBlock": {"except": _fill("10.0.0.0/8")}}]}]}},
        "except",
    ),
    ("NetworkPolicy", "a", {"spec": {"egress": [{"ports": _fill({"port": 80})}]}}, "ports"),
    ("Ingress", "a", {"spec": {"rules": _fill(EMPTY)}}, "rules"),
    ("Ingress", "a", {"spec": {"tls": _fill({"hosts": ["a"]})}}, "tls"),
    ("Ingress", "a", {"spec": {"rules": [{"http": {"paths": _fill(EMPTY)}}]}}, "paths"),
    ("Gateway", "a", {"spec": {"listeners": _fill(EMPTY)}}, "listeners"),
    ("Service", "a", {"spec": {"type": "LoadBalancer", "ports": _fill(EMPTY)}}, "ports"),
    (
        "Service",
        "a",
        {"spec": {"type": "LoadBalancer", "loadBalancerSourceRanges": _fill("0.0.0.0/1")}},
        "loadBalancerSourceRanges",
    ),
    ("Service", "a", {"spec": {"externalIPs": _fill("10.0.0.1")}}, "externalIPs"),
    ("Pod", "a", {"spec": {"tolerations": _fill(EMPTY)}}, "tolerations"),
    ("Pod", "a", {"spec": {"containers": [{"env": _fill({"name": "A_KEY"})}]}}, "env"),
    ("Pod", "a", {"spec": {"containers": [{"ports": _fill({"hostPort": 1})}]}}, "ports"),
    ("Pod", "a", {"spec": {"securityContext": {"sysctls": _fill({"name": "a"})}}}, "sysctls"),
    ("Pod", "a", {"spec": {"volumes": [{"projected": {"sources": _fill(TOKEN)}}]}}, "sources"),
    (
        "Pod",
        "a",
        {"spec": {"volumes": [{"hostPath": {"path": "/proc/1/root" * (MEBIBYTE // 12)}}]}},
        "",
    ),
    ("Pod", "a", {"spec": {"nodeSelector": {f"label-{at}": "" for at in range(50_000)}}}, ""),
]


def _read(kind: str, name: str, fields: Manifest) -> Request:
    metadata = {"name": name} | ({"namespace": "shop"} if BY_NAME[kind].is_namespaced else {})
    data = json.dumps({"metadata": metadata, **fields}).encode()
    return Request(read_object(BY_NAME[kind].group, kind, data), None, data)


@pytest.mark.parametrize(("kind", "name", "fields", "crowded"), LARGE)
def test_a_megabyte_is_refused_by_its_list_or_judged_fast(
    kind: str, name: str, fields: Manifest, crowded: str
) -> None:
    def work() -> None:
        if not crowded:
            judge(_read(kind, name, fields), APPLIED)
            return
        with pytest.raises(ManifestError, match=rf"{kind}: \d+ {crowded}, must be \d+ at most"):
            _read(kind, name, fields)

    assert _count_calls(work) < MOST_CALLS


@pytest.mark.parametrize(
    ("kind", "name", "fields"),
    [
        ("ClusterRole", "a", {"rules": [ALL_RIGHTS] * 1_000}),
        ("ClusterRole", "admin", {"rules": [ALL_RIGHTS] * 1_000}),
        ("ClusterRole", "a", {"rules": [{**A_RIGHT, "resources": ["a/*"] * 20}] * 1_000}),
        ("RoleBinding", "a", {**ADMIN, "subjects": [MASTERS] * 2_000}),
        ("NetworkPolicy", "a", {"spec": {"egress": [{"to": _blocks()[:10_000]}]}}),
        ("Ingress", "a", {"spec": {"rules": [EMPTY] * 1_000}}),
        ("Pod", "a", {"spec": {"tolerations": [EMPTY] * 2_000}}),
    ],
)
def test_the_most_that_is_taken_is_judged_fast(kind: str, name: str, fields: Manifest) -> None:
    request = _read(kind, name, fields)
    assert judge(request, APPLIED).verdicts
    assert _count_calls(lambda: judge(request, APPLIED)) < MOST_CALLS


def test_the_bound_is_on_all_lists_of_a_name_together() -> None:
    rule = {"from": [SELECTOR] * 500}
    item = read_item("networking.k8s.io", "NetworkPolicy", json.dumps({}).encode())
    large = json.dumps({"spec": {"ingress": [rule] * 21}}).encode()
    with pytest.raises(ManifestError, match="10500 from, must be 10000 at most"):
        read_item("networking.k8s.io", "NetworkPolicy", large)
    refuse_absurd("NetworkPolicy", b"{}", item.body)


@pytest.mark.parametrize("kind", ROLES)
def test_a_neighbour_is_there_however_large(kind: str) -> None:
    metadata = {"name": "a", "namespace": "shop"}
    data = json.dumps({"metadata": metadata, "rules": _fill(ALL_RIGHTS)}).encode()
    neighbours = Neighbours(lambda _: True)
    neighbours.put(read_neighbour(kind, data))
    assert neighbours.role(kind, "shop", "a").items


def test_many_containers_paths_and_volumes_are_mended_fast() -> None:
    paths = [f"/path-{number}" for number in range(32)]
    control = {"id": "read-only-rootfs", "patch": True, "writablePaths": paths}
    policy = compile_policy(selector={}, catalog=ALL, controls=[control], enforcement="Enforce")
    volumes = [{"name": f"volume-{number}", "emptyDir": {}} for number in range(1_900)]
    request = _read("Pod", "a", {"spec": {"containers": [EMPTY] * 100, "volumes": volumes}})
    (check,) = (each for each in policy.checks if each.id == "read-only-rootfs")
    assert check.run is not None
    assert isinstance(request.subject, Subject)
    run, found_in = check.run, request.subject.pod()
    assert len(list(run(found_in))) == 100
    assert _count_calls(lambda: list(run(found_in))) < MOST_CALLS
