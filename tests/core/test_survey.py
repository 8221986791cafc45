"""The facts of a cluster, from its objects: what pods, Services and bindings come to."""

import json
from typing import Any

import pytest

from revet.core.errors import ManifestError
from revet.core.network.facts import NamespaceFacts
from revet.core.network.survey import EVERYWHERE, KINDS, Survey
from revet.core.render.owned import name_of
from tests.network.world import World


def _fed(world: World) -> Survey:
    survey = Survey()
    for each in world.manifests:
        if each["kind"] in KINDS:
            survey.put(each["kind"], json.dumps(each).encode())
    return survey


def _facts(world: World) -> NamespaceFacts:
    return _fed(world).namespace("shop")


def _clients(world: World) -> list[dict[str, str]]:
    return [dict(each) for each in _facts(world).api_clients]


def test_labels_that_last_are_preferred() -> None:
    world = World()
    world.bind("shop", "api")
    labels = {"app": "api", "pod-template-hash": "1"}
    world.pod("shop/api-1", labels, account="api", token=True)
    world.pod("shop/web-1", {"app": "web"}, token=True)
    assert _clients(world) == [{"app": "api"}]
    # The last version of the same Deployment had no ServiceAccount of its own.
    world.pod("shop/api-0", {"app": "api", "pod-template-hash": "0"}, token=True)
    assert _clients(world) == [labels]


def test_what_no_label_tells_apart_stays_closed_and_is_told() -> None:
    world = World()
    world.bind("shop", "api")
    world.pod("shop/one", {"app": "api"}, account="api", token=True)
    world.pod("shop/two", {"app": "api", "more": "1"}, account="api")
    world.pod("shop/bare", {}, account="api", token=True)
    facts = _facts(world)
    assert facts.api_clients == ()
    assert facts.api_unclear == (
        "Pod bare has no labels to select it by",
        "no label tells Pod one from Pod two, which has no token that is bound to a role",
    )


def test_one_selector_serves_for_what_it_takes_along() -> None:
    world = World()
    world.bind("shop", "api")
    world.pod("shop/one", {"app": "api"}, account="api", token=True)
    world.pod("shop/two", {"app": "api", "part": "b"}, account="api", token=True)
    assert _clients(world) == [{"app": "api"}]


@pytest.mark.parametrize("spoilt", ["ended", "elsewhere", "audience", "host"])
def test_who_can_do_nothing_there_is_no_client(spoilt: str) -> None:
    world = World()
    world.bind("bank" if spoilt == "elsewhere" else "shop", "api")
    world.pod("shop/one", {"app": "api"}, account="api", token=True, on_host=spoilt == "host")
    [pod] = [each for each in world.manifests if each["kind"] == "Pod"]
    if spoilt == "ended":
        pod["status"] = {"phase": "Succeeded"}
    if spoilt == "audience":
        source = pod["spec"]["volumes"][0]["projected"]["sources"][0]
        source["serviceAccountToken"]["audience"] = "vault"
    assert _clients(world) == []


def test_a_service_leads_to_the_ports_of_its_pods() -> None:
    world = World()
    port: dict[str, Any] = {"port": 443, "name": "https", "targetPort": "web"}
    world.service("shop/hook", {"app": "hook"}, [port, {"port": 80}])
    world.service("shop/none", None, [{"port": 443}])
    for name, service in (("a", "hook"), ("b", "none"), ("c", "gone")):
        call = {"service": {"namespace": "shop", "name": service}}
        world.add("APIService", "apiregistration.k8s.io/v1", name, spec=call)
    conversion = {"webhook": {"clientConfig": {"service": {"namespace": "shop", "name": "hook",
                                                           "port": 80}}}}  # fmt: skip
    crd = "apiextensions.k8s.io/v1"
    world.add("CustomResourceDefinition", crd, "d", spec={"conversion": conversion})
    facts = _facts(world)
    [hook] = facts.called
    assert (hook.service, hook.selector) == ("hook", (("app", "hook"),))
    assert [(each.protocol, each.port) for each in hook.ports] == [("TCP", 80), ("TCP", "web")]
    assert facts.unclear == ("Service none has no selector that tells its pods",)


def test_a_change_is_told_where_it_counts() -> None:
    world = World()
    world.pod("shop/one", {"app": "a"})
    world.service("bank/two", {"app": "a"}, [])
    survey = _fed(world)
    assert survey.changed == {"shop", "bank"}
    survey.changed.clear()
    world = World()
    world.api_server()
    for each in world.manifests:
        survey.put(each["kind"], json.dumps(each).encode())
    assert survey.changed == {EVERYWHERE}
    assert [each.ips for each in survey.cluster().api_server] == [("10.9.0.1",)]
    survey.drop("EndpointSlice", json.dumps(world.manifests[1]).encode())
    assert survey.cluster().api_server == ()


def test_what_can_not_be_read_is_told_and_keeps_nothing_else() -> None:
    survey = Survey()
    good = json.dumps({"metadata": {"name": "a", "namespace": "shop"}}).encode()
    [problem] = survey.replace("Pod", [b'{"metadata": 1}', good])
    assert problem.startswith("Pod: ")
    with pytest.raises(ManifestError):
        survey.put("Pod", b"{")
    assert survey.namespace("shop") == NamespaceFacts()


def _wide(name: str, api_version: str, owner: str = "strict") -> bytes:
    reference = {"apiVersion": api_version, "kind": "HardeningPolicy", "name": owner, "uid": "u"}
    metadata = {
        "name": name,
        "namespace": "shop",
        "labels": {"app.kubernetes.io/managed-by": "revet"},
        "ownerReferences": [reference],
    }
    spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]}
    return json.dumps({"metadata": metadata, "spec": spec}).encode()


def test_what_opens_is_named_whatever_it_says_of_its_owner() -> None:
    ours = "revet.dev/v1alpha1"
    name = name_of("strict", "isolate")
    # We would correct it, or take it away; or the garbage collector would.
    hidden = [_wide(name, ours)]
    # Nobody takes away what is owned by a kind that there is none of.
    seen = [_wide(name, "evil.example/v1"), _wide(name, "revet.dev/v9"), _wide("open", ours)]
    for data, openers in [(each, 0) for each in hidden] + [(each, 1) for each in seen]:
        survey = Survey()
        survey.put("NetworkPolicy", data)
        assert len(survey.namespace("shop").openers) == openers
