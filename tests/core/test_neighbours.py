"""What stands beside an object: kept, forgotten, and never known where nobody has looked."""

import json
from typing import Any

import pytest

from revet.core.errors import ManifestError
from revet.core.model.network_policy import Expression, NetworkPolicySpec, Selector
from revet.core.neighbours import NEIGHBOURS, Neighbours, read_neighbour
from revet.core.surroundings import UNSEEN, Seen, Surroundings

Manifest = dict[str, Any]
_RBAC = "rbac.authorization.k8s.io"


def _neighbours(*manifests: Manifest, seen: frozenset[str] = frozenset(NEIGHBOURS)) -> Neighbours:
    neighbours = Neighbours(seen.__contains__)
    for each in manifests:
        neighbours.put(read_neighbour(each["kind"], json.dumps(each).encode()))
    return neighbours


def _object(kind: str, name: str = "a", namespace: str = "shop", **fields: object) -> Manifest:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"kind": kind, "metadata": metadata, **fields}


def _binding(*subjects: Manifest, name: str = "b", namespace: str = "shop") -> Manifest:
    kind = "RoleBinding" if namespace else "ClusterRoleBinding"
    role = {"kind": "ClusterRole", "name": name}
    return _object(kind, name, namespace, roleRef=role, subjects=list(subjects))


def _account(name: str = "api", namespace: str | None = "shop") -> Manifest:
    return {"kind": "ServiceAccount", "name": name} | (
        {} if namespace is None else {"namespace": namespace}
    )


def _other(kind: str, name: str) -> Manifest:
    return {"kind": kind, "apiGroup": _RBAC, "name": name}


@pytest.mark.parametrize(
    ("binding", "is_bound"),
    [
        (_binding(_account()), True),
        (_binding(_account(), namespace=""), True),
        (_binding(_account(), namespace="elsewhere"), True),
        # A subject without a namespace is in that of its binding.
        (_binding(_account(namespace=None)), True),
        (_binding(_account(namespace=None), namespace="elsewhere"), False),
        (_binding(_account(namespace="elsewhere")), False),
        (_binding(_account("other")), False),
        (_binding(_other("User", "system:serviceaccount:shop:api")), True),
        (_binding(_other("User", "system:serviceaccount:shop:other")), False),
        (_binding(_other("User", "shop/api")), False),
        (_binding(_other("Group", "system:serviceaccounts:shop")), True),
        (_binding(_other("Group", "system:serviceaccounts:elsewhere")), False),
        (_binding(_other("Group", "system:serviceaccounts")), True),
        (_binding(_other("Group", "system:authenticated")), True),
        (_binding(_other("Group", "developers")), False),
        # What Kubernetes itself gives to everybody is nothing that a token is needed for.
        (
            _binding(
                _other("Group", "system:authenticated"), name="system:basic-user", namespace=""
            ),
            False,
        ),
        (_binding(), False),
    ],
)
def test_an_account_is_bound_by_each_of_its_names(binding: Manifest, *, is_bound: bool) -> None:
    assert _neighbours(binding).is_bound("shop", "api") is is_bound
    # Whoever has not seen all bindings knows what he has seen, and of the rest nothing.
    for missing in ("RoleBinding", "ClusterRoleBinding"):
        partly = _neighbours(binding, seen=frozenset(NEIGHBOURS) - {missing})
        assert partly.is_bound("shop", "api") is (True if is_bound else None)


def test_a_namespace_has_bound_accounts_as_bindings_say() -> None:
    everybody = _binding(_other("Group", "system:serviceaccounts"), namespace="")
    assert _neighbours(everybody).has_bound("shop") is True
    all_of_one = _neighbours(_binding(_other("Group", "system:serviceaccounts:shop")))
    assert all_of_one.has_bound("shop") is True
    assert all_of_one.has_bound("sho") is False
    assert _neighbours(seen=frozenset()).has_bound("shop") is None


def test_a_binding_that_changes_or_goes_is_forgotten() -> None:
    neighbours = _neighbours(_binding(_account()), _binding(_account(), name="second"))
    changed = read_neighbour("RoleBinding", json.dumps(_binding(_account("other"))).encode())
    neighbours.put(changed)
    assert neighbours.is_bound("shop", "api") is True
    assert neighbours.is_bound("shop", "other") is True
    second = _binding(name="second")
    neighbours.drop(read_neighbour("RoleBinding", json.dumps(second).encode()))
    neighbours.drop(read_neighbour("RoleBinding", json.dumps(second).encode()))
    assert neighbours.is_bound("shop", "api") is False
    assert neighbours.has_bound("shop") is True
    neighbours.replace("RoleBinding", [])
    assert neighbours.is_bound("shop", "other") is False
    assert neighbours.has_bound("shop") is False
    neighbours.put(changed)
    neighbours.forget("RoleBinding")
    assert neighbours.is_bound("shop", "other") is False


def _ask(around: Surroundings, kind: str) -> list[Seen[Any]]:
    """Ask for an object of a kind where it is, and where it is not."""
    match kind:
        case "ServiceAccount":
            return [around.service_account(each, "a") for each in ("shop", "elsewhere")]
        case "Role" | "ClusterRole":
            return [around.role(kind, "shop", each) for each in ("a", "b")]
        case "NetworkPolicy":
            return [around.network_policies(each) for each in ("shop", "elsewhere")]
        case "LimitRange":
            return [around.limit_ranges(each) for each in ("shop", "elsewhere")]
        case _:
            return [around.resource_quotas(each) for each in ("shop", "elsewhere")]


@pytest.mark.parametrize("kind", sorted(NEIGHBOURS.keys() - {"RoleBinding", "ClusterRoleBinding"}))
def test_what_is_absent_is_known_only_where_all_is_seen(kind: str) -> None:
    item = _object(kind, namespace="" if kind == "ClusterRole" else "shop")
    for is_seen in (True, False):
        around = _neighbours(item, seen=frozenset({kind} if is_seen else ()))
        here, elsewhere = _ask(around, kind)
        assert len(here.items) == 1
        assert elsewhere == Seen((), is_seen)
    assert _ask(UNSEEN, kind) == [Seen(), Seen()]
    around.forget(kind)
    assert _ask(around, kind) == [Seen(), Seen()]
    assert UNSEEN.is_bound("shop", "a") is None


def test_of_one_object_all_is_known() -> None:
    around = _neighbours(_object("ServiceAccount"), seen=frozenset())
    assert around.service_account("shop", "a").is_all
    assert not around.network_policies("shop").is_all


def test_what_names_no_namespace_is_where_kubectl_would_put_it() -> None:
    around = _neighbours(_object("ServiceAccount", namespace=""))
    assert around.service_account("", "a") == around.service_account("default", "a")
    assert around.service_account("", "a").items


def test_a_neighbour_that_fits_nothing_is_refused_by_its_field() -> None:
    with pytest.raises(ManifestError, match=r"\$\.automountServiceAccountToken"):
        read_neighbour("ServiceAccount", b'{"automountServiceAccountToken": "no"}')


@pytest.mark.parametrize(
    ("operator", "values", "matches"),
    [
        ("In", ("web", "api"), (True, False)),
        ("In", None, (False, False)),
        ("NotIn", ("web",), (False, True)),
        ("NotIn", ("api",), (True, True)),
        ("Exists", None, (True, False)),
        ("DoesNotExist", None, (False, True)),
        ("Like", ("web",), (False, False)),
    ],
)
def test_a_requirement_matches_as_the_api_server_has_it(
    operator: str, values: tuple[str, ...] | None, matches: tuple[bool, bool]
) -> None:
    selector = Selector(match_expressions=(Expression("app", operator, values),))
    assert (selector.matches({"app": "web"}), selector.matches({})) == matches
    both = Selector({"tier": "a"}, selector.match_expressions)
    assert not both.matches({"app": "web"})
    assert not selector.is_empty


def test_an_empty_selector_takes_all() -> None:
    for selector in (Selector(), Selector({}, ())):
        assert selector.is_empty
        assert selector.matches({})
        assert selector.matches({"app": "web"})


@pytest.mark.parametrize(
    ("given", "directions"),
    [
        ({}, ("Ingress",)),
        ({"ingress": [{}]}, ("Ingress",)),
        ({"egress": []}, ("Ingress",)),
        ({"egress": [{}]}, ("Ingress", "Egress")),
        ({"policyTypes": []}, ("Ingress",)),
        ({"policyTypes": ["Egress"]}, ("Egress",)),
        ({"policyTypes": ["Ingress"], "egress": [{}]}, ("Ingress",)),
    ],
)
def test_directions_that_are_left_out_are_filled_in(
    given: Manifest, directions: tuple[str, ...]
) -> None:
    around = _neighbours(_object("NetworkPolicy", spec=given))
    (policy,) = around.network_policies("shop").items
    assert isinstance(policy.spec, NetworkPolicySpec)
    assert policy.spec.directions == directions


def test_a_cluster_role_is_found_whatever_namespace_it_names() -> None:
    around = _neighbours(_object("ClusterRole", namespace="shop"))
    assert around.role("ClusterRole", "elsewhere", "a").items
