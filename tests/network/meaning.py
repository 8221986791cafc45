"""What policies name, read straight from their documents: no NetworkPolicy is made here.

The other half of a comparison, so it shares no code with what renders.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.support.manifests import Manifest

Labels = Mapping[str, str]
#: All ports, where a set of numbers would name some.
ALL: Final = frozenset[int]()
_LABEL: Final = "revet.dev/db-client"


@dataclass(frozen=True)
class End:
    """A pod, as connections see it."""

    namespace: str
    name: str
    labels: Labels
    home: Labels

    @property
    def place(self) -> str:
        """How it is told."""
        return f"{self.namespace}/{self.name}"


def find_ends(manifests: Iterable[Manifest]) -> list[End]:
    """Return the pods of a cluster, each with the labels of its namespace."""
    manifests = list(manifests)
    homes = {
        each["metadata"]["name"]: each["metadata"]["labels"]
        for each in manifests
        if each["kind"] == "Namespace"
    }
    return [
        End(meta["namespace"], meta["name"], meta["labels"], homes[meta["namespace"]])
        for each in manifests
        if each["kind"] == "Pod"
        for meta in [each["metadata"]]
    ]


def tell_connections(policies: Sequence[Manifest], ends: Sequence[End]) -> Iterator[str]:
    """Yield all connections that there should be, in the evaluator's words."""
    for one in ends:
        if not _closing(policies, one, "Egress"):
            yield f"{one.place} -> *: all"
        if not _closing(policies, one, "Ingress"):
            yield f"* -> {one.place}: all"
        for other in ends:
            if one is other:
                continue
            ports = _join(
                _open(_closing(policies, one, "Egress"), one, other, incoming=False),
                _open(_closing(policies, other, "Ingress"), one, other, incoming=True),
            )
            if ports is ALL:
                yield f"{one.place} -> {other.place}: all"
            elif ports:
                listed = ",".join(str(each) for each in sorted(ports))
                yield f"{one.place} -> {other.place}: TCP {listed}"


def _closing(policies: Sequence[Manifest], end: End, direction: str) -> list[Manifest]:
    """Return the specs of the policies that close an end in a direction."""
    specs = [each["spec"] for each in policies]
    return [
        spec
        for spec in specs
        if direction in spec["network"]["isolate"]
        and _selects(spec, end.home)
        and _matches(spec.get("podSelector"), end.labels)
    ]


def _open(
    closing: Sequence[Manifest], one: End, other: End, *, incoming: bool
) -> frozenset[int] | None:
    """Return the ports that stay open at an end; None: none."""
    if not closing:
        return ALL
    found = [ports for spec in closing for ports in _named(spec, one, other, incoming=incoming)]
    if not found:
        return None
    return ALL if any(each is ALL for each in found) else frozenset().union(*found)


def _join(one: frozenset[int] | None, other: frozenset[int] | None) -> frozenset[int] | None:
    if one is None or other is None:
        return None
    if one is ALL or other is ALL:
        return other if one is ALL else one
    return one & other or None


def _named(spec: Manifest, one: End, other: End, *, incoming: bool) -> Iterator[frozenset[int]]:
    network = spec["network"]
    is_same = one.namespace == other.namespace
    databases = network.get("databases", [])
    for flow in network.get("flows", []):
        if _connects(spec, flow["from"], flow["to"], one, other):
            yield _numbers(flow)
    monitoring = network["allow"].get("monitoring")
    if monitoring is not None:
        for peer in monitoring["from"]:
            if _connects(spec, peer, {}, one, other):
                yield _numbers(monitoring)
    yield from (_numbers(each) for each in databases if _is_client(spec, each, one, other))
    is_database = any(_matches(each["podSelector"], other.labels) for each in databases)
    if network["allow"].get("sameNamespace") and is_same and not (incoming and is_database):
        yield ALL


def _is_client(spec: Manifest, database: Manifest, one: End, other: End) -> bool:
    clients = [each["namespaceSelector"] for each in database["clients"]]
    return (
        _selects(spec, other.home)
        and _matches(database["podSelector"], other.labels)
        and one.labels.get(_LABEL) == database["name"]
        and any(_matches(each, one.home) for each in clients)
    )


def _connects(spec: Manifest, source: Manifest, target: Manifest, one: End, other: End) -> bool:
    neither = "namespaceSelector" not in source and "namespaceSelector" not in target
    if neither and one.namespace != other.namespace:
        return False
    return _is_end(spec, source, one) and _is_end(spec, target, other)


def _is_end(spec: Manifest, peer: Manifest, end: End) -> bool:
    if "namespaceSelector" in peer:
        is_there = _matches(peer["namespaceSelector"], end.home)
    else:
        is_there = _selects(spec, end.home)
    return is_there and _matches(peer.get("podSelector"), end.labels)


def _selects(spec: Manifest, home: Labels) -> bool:
    return home["kubernetes.io/metadata.name"] != "kube-system" and _matches(
        spec["namespaceSelector"], home
    )


def _matches(selector: Mapping[str, Any] | None, labels: Labels) -> bool:
    said = selector or {}
    return said.get("matchLabels", {}).items() <= labels.items() and all(
        _meets(each, labels) for each in said.get("matchExpressions", ())
    )


def _meets(term: Mapping[str, Any], labels: Labels) -> bool:
    value = labels.get(term["key"])
    return {
        "In": value in term.get("values", ()),
        "NotIn": value not in term.get("values", ()),
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[term["operator"]]


def _numbers(part: Mapping[str, Any]) -> frozenset[int]:
    return frozenset(each["port"] for each in part["ports"])
