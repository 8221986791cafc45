"""The plan: nothing to do where all is as desired, and each difference found where it is."""

from collections.abc import Callable
from typing import Any

import pytest

from revet.core.model.meta import Owner
from revet.core.network.facts import Place
from revet.core.plan import differs, find_extras, find_stale, identify
from revet.core.render.networkpolicy import network_policies
from revet.core.render.webhook import Backend, webhook_configurations
from revet.core.widening import widens
from tests.support.policy_builder import build_policy, compile_policy
from tests.support.server import store

Manifest = dict[str, Any]
OWNER = Owner("rbac.authorization.k8s.io/v1", "ClusterRole", "revet-operator", "4f")
TOLERATED = ("control-plane",)


def _configurations() -> list[Manifest]:
    policies = [compile_policy(enforcement="Enforce")]
    return webhook_configurations(policies, Backend(b"CA"), ["revet-system"], OWNER)


def _network() -> list[Manifest]:
    network = {"mode": "Enforce", "allow": {"sameNamespace": True}}
    return network_policies(build_policy(network=network), Place("shop"))


RENDERERS: dict[str, tuple[Callable[[], list[Manifest]], str]] = {
    "webhooks": (_configurations, "4f"),
    "network": (_network, "uid-of-production"),
}
every_kind = pytest.mark.parametrize(("render", "uid"), RENDERERS.values(), ids=RENDERERS)


@every_kind
def test_rendering_again_after_an_apply_differs_nowhere(
    render: Callable[[], list[Manifest]], uid: str
) -> None:
    live = [store(each) for each in render()]
    assert find_stale(render(), live, uid) == []
    for ours, theirs in zip(render(), live, strict=True):
        assert differs(ours, theirs) is None
        assert find_extras(ours, theirs) == []
        assert not widens(ours, theirs)


@every_kind
def test_what_is_no_longer_desired_is_stale(render: Callable[[], list[Manifest]], uid: str) -> None:
    live = [store(each) for each in render()]
    assert find_stale(render()[1:], live, uid) == live[:1]
    assert find_stale([], live, uid) == live
    assert find_stale([], live, "another") == []


def test_a_copy_that_carries_our_label_is_not_stale() -> None:
    copy = store(_network()[0])
    copy["metadata"]["name"] = "mine-now"
    del copy["metadata"]["ownerReferences"]
    relabelled = store(_network()[0])
    relabelled["metadata"]["name"] = "also-mine"
    del relabelled["metadata"]["labels"]["app.kubernetes.io/managed-by"]
    live = [copy, relabelled, *(store(each) for each in _network())]
    assert find_stale(_network(), live, "uid-of-production") == []


def test_objects_are_told_apart_by_namespace_too() -> None:
    network = {"mode": "Enforce", "allow": {"dns": False}}
    policy = build_policy(network=network)
    one, other = (network_policies(policy, Place(name))[0] for name in ("shop", "bank"))
    assert identify(one) != identify(other)
    assert find_stale([one], [store(one), store(other)], "uid-of-production") == [store(other)]


def _set(path: str, value: object) -> Callable[[Manifest], None]:
    """Make the edit that puts `value` at a path such as webhooks.0.failurePolicy; None removes."""
    *parents, last = path.split(".")

    def edit(live: Manifest) -> None:
        target: Any = live
        for step in parents:
            target = target[int(step) if step.isdigit() else step]
        if value is None:
            del target[last]
        elif isinstance(target, list):
            target.append(value)
        else:
            target[last] = value

    return edit


def _extend(path: str, value: object) -> Callable[[Manifest], None]:
    return _set(f"{path}.-", value)


PASS = {"name": "pass", "expression": "false"}
TERM = {"key": "team", "operator": "Exists"}
CLOUD = {"key": "control-plane", "operator": "DoesNotExist"}
HEAD = "webhooks.0"
# An edit of the validating configuration: the place that is named, whether it admits more.
WEBHOOK_EDITS: dict[str, tuple[Callable[[Manifest], None], str | None, bool]] = {
    "nothing": (lambda _: None, None, False),
    "ignore": (_set(f"{HEAD}.failurePolicy", "Ignore"), ".failurePolicy", True),
    "hastier": (_set(f"{HEAD}.timeoutSeconds", 1), ".timeoutSeconds", True),
    "slower": (_set(f"{HEAD}.timeoutSeconds", 30), ".timeoutSeconds", False),
    "fewer rules": (lambda live: live["webhooks"][0]["rules"].pop(), ".rules", True),
    "other resources": (_extend(f"{HEAD}.rules.0.resources", "pods/log"),
        ".rules[0].resources", True),
    "more rules": (_extend(f"{HEAD}.rules", {"resources": ["*"]}), ".rules", False),
    "a condition": (_set(f"{HEAD}.matchConditions", [PASS]), ".matchConditions", True),
    "a term": (_extend(f"{HEAD}.namespaceSelector.matchExpressions", TERM),
        ".namespaceSelector", True),
    "a label": (_set(f"{HEAD}.namespaceSelector.matchLabels.team", "a"),
        ".namespaceSelector", True),
    "another value": (_set(f"{HEAD}.namespaceSelector.matchLabels.tier", "no"),
        ".namespaceSelector", True),
    "a tolerated term": (_extend(f"{HEAD}.namespaceSelector.matchExpressions", CLOUD),
        None, False),
    "a tolerated label": (_set(f"{HEAD}.namespaceSelector.matchLabels.control-plane", "no"),
        None, False),
    "one term less": (lambda live: live["webhooks"][0]["namespaceSelector"][
        "matchExpressions"].pop(), ".namespaceSelector", False),
    "objects": (_set(f"{HEAD}.objectSelector", {"matchLabels": {"a": "b"}}),
        ".objectSelector.matchLabels", True),
    "another server": (_set(f"{HEAD}.clientConfig.service.name", "x"),
        ".clientConfig.service.name", True),
    "another CA": (_set(f"{HEAD}.clientConfig.caBundle", "eA=="), ".clientConfig.caBundle", True),
    "exact": (_set(f"{HEAD}.matchPolicy", "Exact"), ".matchPolicy", True),
}  # fmt: skip


@pytest.mark.parametrize(("edit", "place", "more"), WEBHOOK_EDITS.values(), ids=WEBHOOK_EDITS)
def test_an_edit_of_an_entry_is_found(
    edit: Callable[[Manifest], None], place: str | None, *, more: bool
) -> None:
    ours = _configurations()[0]
    entry = f"webhooks[{ours['webhooks'][0]['name']}]"
    live = store(ours)
    edit(live)
    assert differs(ours, live, TOLERATED) == (None if place is None else entry + place)
    assert widens(ours, live, TOLERATED) is more


CONDITIONS = "webhooks.1.matchConditions"  # the entry for updates has one
CONDITION_EDITS: dict[str, tuple[Callable[[Manifest], None], str, bool]] = {
    "one more": (_extend(CONDITIONS, PASS), ".matchConditions[pass]", True),
    "none": (_set(CONDITIONS, None), ".matchConditions", False),
}


@pytest.mark.parametrize(("edit", "place", "more"), CONDITION_EDITS.values(), ids=CONDITION_EDITS)
def test_an_edit_of_the_conditions_is_found(
    edit: Callable[[Manifest], None], place: str, *, more: bool
) -> None:
    ours = _configurations()[0]
    live = store(ours)
    edit(live)
    assert differs(ours, live) == f"webhooks[{ours['webhooks'][1]['name']}]{place}"
    assert widens(ours, live) is more


def test_a_key_is_tolerated_only_where_it_is_listed() -> None:
    ours = _configurations()[0]
    live = store(ours)
    live["webhooks"][0]["namespaceSelector"]["matchExpressions"].append(CLOUD)
    assert differs(ours, live) is not None
    assert widens(ours, live)


def test_entries_are_compared_by_name() -> None:
    (ours, _) = webhook_configurations(
        [compile_policy("a", enforcement="Enforce"), compile_policy("b", {}, "baseline")],
        Backend(b"CA"),
        (),
        OWNER,
    )
    live = store(ours)
    live["webhooks"].reverse()
    assert differs(ours, live) is None
    del live["webhooks"][0]
    missing = ours["webhooks"][-1]["name"]
    assert differs(ours, live) == f"webhooks[{missing}]"
    assert widens(ours, live)
    del live["webhooks"]
    assert differs(ours, live) == "webhooks"
    assert widens(ours, live)
    assert widens(ours, None)


def test_an_entry_that_others_added_is_found_and_removed() -> None:
    ours = _configurations()[0]
    live = store(ours)
    live["webhooks"].insert(0, {"name": "foreign.example.com"})
    live["webhooks"].append({"name": "other.example.com"})
    live["webhooks"][1]["matchConditions"] = [PASS]
    live["webhooks"][2]["matchConditions"] += [PASS]
    assert differs(ours, live) == f"webhooks[{ours['webhooks'][0]['name']}].matchConditions"
    # From the last to the first, so that each index still means what it did.
    assert find_extras(ours, live) == [
        {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
        {"op": "remove", "path": "/webhooks/1/matchConditions"},
        {"op": "remove", "path": "/webhooks/2/matchConditions/1"},
        {"op": "remove", "path": "/webhooks/3"},
        {"op": "remove", "path": "/webhooks/0"},
    ]


NETWORK_EDITS: dict[str, tuple[Callable[[Manifest], None], str | None, bool]] = {
    "open": (_set("spec.egress", [{}]), "spec.egress", True),
    "one type": (_set("spec.policyTypes", ["Ingress"]), "spec.policyTypes", True),
    "pods": (_set("spec.podSelector.matchLabels", {"a": "b"}), "spec.podSelector.matchLabels",
        True),
    "unlabelled": (_set("metadata.labels", None),
        "metadata.labels[app.kubernetes.io/managed-by]", False),
    "annotation": (_set("metadata.annotations", {"revet.dev/policy": "x"}),
        "metadata.annotations[revet.dev/policy]", False),
    "orphaned": (_set("metadata.ownerReferences", []),
        "metadata.ownerReferences[production]", False),
    "further owner": (_extend("metadata.ownerReferences", {"uid": "x"}), None, False),
}  # fmt: skip


@pytest.mark.parametrize(("edit", "place", "more"), NETWORK_EDITS.values(), ids=NETWORK_EDITS)
def test_an_edit_of_a_network_policy_is_found(
    edit: Callable[[Manifest], None], place: str | None, *, more: bool
) -> None:
    ours = _network()[0]
    live = store(ours)
    edit(live)
    assert differs(ours, live) == place
    assert widens(ours, live) is more


def test_an_empty_peer_is_not_an_absent_one() -> None:
    ours = next(each for each in _network() if each["metadata"]["name"].endswith("same-namespace"))
    live = store(ours)
    live["spec"]["ingress"][0]["from"] = []
    assert differs(ours, live) == "spec.ingress[0].from"


def test_of_a_secret_all_keys_count() -> None:
    ours = {
        "kind": "Secret",
        "metadata": {"name": "ca", "namespace": "revet-system"},
        "type": "Opaque",
        "data": {"ca.crt": "eA=="},
    }
    live = store(ours)
    assert differs(ours, live) is None
    live["data"]["more/keys"] = "eA=="
    assert differs(ours, live) == "data.more/keys"
    assert find_extras(ours, live)[1:] == [{"op": "remove", "path": "/data/more~1keys"}]
    assert not widens(ours, live)


def test_of_a_namespace_only_what_we_write_counts() -> None:
    enforce = "pod-security.kubernetes.io/enforce"
    warn = "pod-security.kubernetes.io/warn"
    labels = {enforce: "restricted", warn: "restricted"}
    ours = {"kind": "Namespace", "metadata": {"name": "shop", "labels": labels}}
    live = store(ours) | {"spec": {"finalizers": ["kubernetes"]}}
    assert differs(ours, live) is None
    assert find_extras(ours, live) == []
    assert not widens(ours, live)
    live["metadata"]["labels"][warn] = "baseline"
    assert differs(ours, live) == f"metadata.labels[{warn}]"
    assert not widens(ours, live)
    live["metadata"]["labels"][enforce] = "baseline"
    assert widens(ours, live)
