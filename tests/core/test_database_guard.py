"""The guard of databases' clients: what is in it, and what there is no room for. e2e tries it."""

from typing import Any

import pytest

from revet.core.render.database_guard import crowded_databases, database_guards
from revet.core.render.guard import selector_keys
from tests.support.policy_builder import build_policy


def _database(name: str, *clients: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "podSelector": {"matchLabels": {"app": "db"}},
        "ports": [{"port": 5432}],
        "clients": list(clients),
    }


def _client(*accounts: str, **selector: object) -> dict[str, Any]:
    return {"namespaceSelector": selector, "serviceAccounts": list(accounts)}


def _listed(*policies: Any) -> str:  # noqa: ANN401 -- policies
    variables = database_guards(policies)[0]["spec"]["variables"]
    [text] = [each["expression"] for each in variables if each["name"] == "listed"]
    found: str = text
    return found


@pytest.mark.parametrize("mode", ["Audit", "Enforce"])
def test_clients_are_listed_in_whatever_mode(mode: str) -> None:
    selector = {
        "matchLabels": {"team": "shop"},
        "matchExpressions": [
            {"key": "env", "operator": "NotIn", "values": ["dev", "test"]},
            {"key": "a", "operator": "Exists"},
            {"key": "b", "operator": "DoesNotExist"},
        ],
    }
    database = _database("orders", _client("api", "web", **selector))
    listed = _listed(build_policy(network={"mode": mode, "databases": [database]}))
    assert listed == (
        "(variables.name == 'orders'"
        " && 'team' in variables.labels && variables.labels['team'] in ['shop']"
        " && !('env' in variables.labels && variables.labels['env'] in ['dev', 'test'])"
        " && 'a' in variables.labels && !('b' in variables.labels)"
        " ? ['production/api', 'production/web'] : [])"
    )


def test_without_databases_nobody_is_listed() -> None:
    assert _listed(build_policy()) == "[]"
    assert _listed() == "[]"


def test_the_order_of_policies_is_none() -> None:
    one, other = (
        build_policy(name, network={"databases": [_database(database, _client("api"))]})
        for name, database in (("a", "x"), ("b", "x"))
    )
    assert database_guards([one, other]) == database_guards([other, one])


def test_a_database_without_room_is_left_out_as_a_whole() -> None:
    accounts = tuple(f"{'a' * 230}-{number}" for number in range(32))
    large = [_database(f"large-{number}", *[_client(*accounts)] * 3) for number in range(4)]
    small = _database("small", _client("api"))
    first = build_policy("a", network={"databases": [*large, small]})
    # The same name, and few clients: it must not stand alone.
    second = build_policy("b", network={"databases": [_database("large-3", _client("b"))]})
    assert crowded_databases([first, second]) == {"large-2", "large-3"}
    listed = _listed(first, second)
    assert "'small'" in listed
    assert "'b/b'" not in listed
    assert len(listed) < 100_000


def test_whatever_lets_namespaces_in_is_guarded() -> None:
    def peer(key: str) -> dict[str, Any]:
        return {"namespaceSelector": {"matchLabels": {key: "x"}}}

    ports = [{"port": 80}]
    network = {
        "allow": {
            "monitoring": {"from": [peer("m")], "ports": ports},
            "ingressControllers": [peer("i")],
        },
        "flows": [{"name": "f", "from": peer("from"), "to": peer("to"), "ports": ports}],
        "databases": [_database("orders", _client("api", matchLabels={"c": "x"}))],
    }
    assert selector_keys(build_policy(network=network).spec) == {
        "tier",
        "m",
        "i",
        "from",
        "to",
        "c",
    }
