"""The picture: what an event touches, and what comes too late to be true."""

import json

import pytest

from revet.core.contest import last_manager
from revet.core.model.meta import PAUSED_ANNOTATION, POD_SECURITY_ANNOTATION, Manifest
from revet.core.model.policy import parse_policy
from revet.core.network.facts import Place
from revet.core.render.networkpolicy import network_policies
from revet.operator.picture import CLUSTER, Key, Picture
from tests.support.manifests import namespace, policy

PROD = {"tier": "prod"}
POLICY = Key("policy", "strict")
SHOP = Key("namespace", "shop")


def _at(manifest: Manifest, version: int, uid: str = "u", **metadata: object) -> Manifest:
    more = {"resourceVersion": str(version), "uid": uid, **metadata}
    return {**manifest, "metadata": {**manifest["metadata"], **more}}


def _network_policy(version: int, uid: str, owner: str = "", name: str = "n") -> Manifest:
    kinds: Manifest = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    said = {"apiVersion": "revet.dev/v1alpha1", "kind": "HardeningPolicy"}
    owners = [{**said, "uid": owner, "name": "x"}] if owner else []
    metadata = {"name": name, "namespace": "shop", "ownerReferences": owners}
    return _at(kinds | {"metadata": metadata}, version, uid)


@pytest.fixture
def picture() -> Picture:
    made = Picture()
    made.see_namespace(_at(namespace("shop", PROD), 1, "shop"), gone=False)
    made.see_namespace(_at(namespace("other"), 1, "other"), gone=False)
    return made


def test_a_policy_touches_what_it_selects(picture: Picture) -> None:
    strict = policy("strict", PROD)
    assert picture.see_policy(_at(strict, 2), gone=False) == {CLUSTER, POLICY, SHOP}
    assert picture.see_policy(_at(strict, 3), gone=False) == set()
    paused = _at(strict, 4, annotations={PAUSED_ANNOTATION: "true"})
    assert picture.see_policy(paused, gone=False) == {CLUSTER, POLICY, SHOP}
    assert picture.see_policy(paused, gone=True) == {CLUSTER, POLICY, SHOP}
    assert picture.policies == {}


def test_a_status_touches_nothing(picture: Picture) -> None:
    strict = policy("strict", PROD)
    picture.see_policy(_at(strict, 2), gone=False)
    told = strict | {"status": {"observedGeneration": 1}}
    assert picture.see_policy(_at(told, 3), gone=False) == set()
    assert picture.policies["strict"].manifest["status"] == told["status"]


def test_an_answer_tells_of_an_edit_before_its_event(picture: Picture) -> None:
    strict, loose = policy("strict", PROD), policy("strict", PROD, profile="baseline")
    picture.see_policy(_at(strict, 2), gone=False)
    assert POLICY in picture.see_policy(_at(loose, 4), gone=False)
    # The event of the edit, and an older one that comes late.
    assert picture.see_policy(_at(loose, 3), gone=False) == set()
    assert picture.see_policy(_at(strict, 2), gone=False) == set()
    assert picture.policies["strict"].manifest["metadata"]["resourceVersion"] == "4"


def test_what_is_gone_does_not_come_back(picture: Picture) -> None:
    strict = policy("strict", PROD)
    picture.see_policy(_at(strict, 2), gone=False)
    picture.see_policy(_at(strict, 3), gone=True)
    assert picture.see_policy(_at(strict, 2), gone=False) == set()
    assert picture.policies == {}
    assert POLICY in picture.see_policy(_at(strict, 5, "another"), gone=False)
    # The end of the one before, once more.
    assert picture.see_policy(_at(strict, 3), gone=True) == set()
    assert picture.policies["strict"].uid == "another"


def test_what_loses_our_label_and_gets_it_back_is_seen_again(picture: Picture) -> None:
    """To a watch by labels it is gone without it, though it lives on."""
    picture.see_policy(_at(policy("strict", PROD), 2, "owner"), gone=False)
    picture.see_object(_network_policy(3, "u", "owner"), gone=False)
    assert picture.see_object(_network_policy(4, "u", "owner"), gone=True) == {POLICY}
    assert picture.see_object(_network_policy(4, "u", "owner"), gone=False) == set()
    assert picture.see_object(_network_policy(5, "u", "owner"), gone=False) == {POLICY}
    assert picture.see_object(_network_policy(6, "u", "owner"), gone=False) == {POLICY}
    # The end of the label, told only now, is older than what stands.
    assert picture.see_object(_network_policy(4, "u", "owner"), gone=True) == set()
    [held] = picture.objects.values()
    assert held["metadata"]["resourceVersion"] == "6"


def test_what_went_long_ago_is_forgotten(picture: Picture) -> None:
    for number in range(2000):
        picture.see_object(_network_policy(3, f"u{number}"), gone=True)
    assert len(picture.gone) < 2000
    assert "u1999" in picture.gone


def test_a_namespace_touches_policies_that_select_it_or_did(picture: Picture) -> None:
    picture.see_policy(_at(policy("strict", PROD), 2), gone=False)
    out = picture.see_namespace(_at(namespace("shop"), 3, "shop"), gone=False)
    assert out == {SHOP, POLICY}
    assert picture.see_namespace(_at(namespace("shop"), 4, "shop"), gone=False) == set()
    into = picture.see_namespace(_at(namespace("shop", PROD), 5, "shop"), gone=False)
    assert into == {SHOP, POLICY}
    assert picture.see_namespace(_at(namespace("shop"), 4, "shop"), gone=False) == set()
    assert picture.namespaces["shop"].labels["tier"] == "prod"


def test_an_object_touches_its_owner(picture: Picture) -> None:
    picture.see_policy(_at(policy("strict", PROD), 2, "owner"), gone=False)
    picture.see_policy(_at(policy("aside", {"a": "b"}), 2, "aside"), gone=False)
    assert picture.see_object(_network_policy(3, "u", "owner"), gone=False) == {POLICY}
    assert picture.see_object(_network_policy(3, "u", "owner"), gone=False) == set()
    assert picture.see_object(_network_policy(4, "v", "somebody", "m"), gone=False) == set()


@pytest.mark.parametrize("owner", ["", "somebody"])
def test_an_object_that_got_another_owner_is_in_the_way_of_ours(
    picture: Picture, owner: str
) -> None:
    picture.see_policy(_at(policy("strict", PROD), 2, "owner"), gone=False)
    picture.see_policy(_at(policy("aside", {"a": "b"}), 2, "aside"), gone=False)
    strict = parse_policy(json.dumps(policy("strict", PROD, network={"mode": "Enforce"})))
    name = network_policies(strict, Place("shop"))[0]["metadata"]["name"]
    picture.see_object(_network_policy(3, "u", "owner"), gone=False)
    picture.see_object(_network_policy(3, "v", "owner", name), gone=False)
    # Once by the owner it had, and by its name for ever.
    assert picture.see_object(_network_policy(4, "u", owner), gone=False) == {POLICY}
    assert picture.see_object(_network_policy(5, "u", owner), gone=True) == set()
    for version in (4, 5, 6):
        there = _network_policy(version, "v", owner, name)
        assert picture.see_object(there, gone=version == 6) == {POLICY}


def test_of_tenants_objects_nothing_is_held(picture: Picture) -> None:
    """They may carry our label, and be large."""
    big = {**_network_policy(3, "u"), "spec": {"egress": [{}] * 1000}}
    assert picture.see_object(big, gone=False) == set()
    assert picture.objects == {}
    fields = [
        {"manager": "a", "time": "2026-01-02T03:04:05Z", "fieldsV1": {"f:spec": {}}},
        {"manager": "b", "subresource": "status", "fieldsV1": {"f:status": {}}},
    ]
    ours = _at(_network_policy(3, "v", "owner"), 4, "v", managedFields=fields)
    picture.see_object(ours, gone=False)
    [held] = picture.objects.values()
    assert last_manager(held) == "a"
    assert "fieldsV1" not in json.dumps(held)
    owned_by_others = _at(_network_policy(3, "v", ""), 5, "v")
    picture.see_object(owned_by_others, gone=False)
    assert picture.objects == {}


def test_of_a_namespace_only_what_is_read_is_held(picture: Picture) -> None:
    fields: Manifest = {"f:metadata": {"f:labels": {"f:tier": {}}}}
    managed = [{"manager": "a", "operation": "Update", "fieldsV1": fields}]
    notes = {"much": "x" * 1000, POD_SECURITY_ANNOTATION: "{}"}
    large = _at(namespace("shop", PROD), 7, "shop", annotations=notes, managedFields=managed)
    picture.see_namespace(large, gone=False)
    held = picture.namespaces["shop"]
    assert held.annotations == {POD_SECURITY_ANNOTATION: "{}"}
    assert held.managers == ({"manager": "a", "operation": "Update"},)


def test_a_shared_object_touches_what_all_share(picture: Picture) -> None:
    entries: Manifest = {"kind": "MutatingWebhookConfiguration", "metadata": {"name": "revet"}}
    assert picture.see_object(_at(entries, 1), gone=False) == {CLUSTER}
    assert picture.see_object(_at(entries, 1), gone=True) == {CLUSTER}


def test_an_invalid_policy_leaves_in_force_what_was(picture: Picture) -> None:
    strict = policy("strict", PROD)
    picture.see_policy(_at(strict, 2), gone=False)
    broken = policy("strict", PROD, profile="none")
    assert POLICY in picture.see_policy(_at(broken, 3), gone=False)
    seen = picture.policies["strict"]
    assert "profile" in seen.problem
    assert seen.policy is not None
    assert seen.is_kept
