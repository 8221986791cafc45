"""What a policy that is gone has left goes in order, and only what is nobody else's."""

import json
from dataclasses import replace

import pytest

from revet.adapters.kube import KubeError
from revet.core.model.meta import Manifest
from revet.core.model.policy import parse_policy
from revet.core.network.facts import Place
from revet.core.render.networkpolicy import network_policies
from revet.operator.audit import Audit
from revet.operator.context import Context
from revet.operator.picture import Key
from revet.operator.reconcile import Reconciler
from tests.operator.test_writer import Written
from tests.support.manifests import policy

NAMESPACES = ("a", "b", "c")


class Ending(Written):
    """Objects of a policy that is gone, or has come back; some deletes are answered otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.policy: Manifest | None = None
        self.answers: dict[str, int] = {}
        self.deleted: list[tuple[str, str]] = []

    async def get(self, kind: str, name: str, namespace: str = "") -> Manifest | None:
        """Give the policy, if it is there."""
        assert (kind, name, namespace) == ("HardeningPolicy", "strict", "")
        return self.policy

    async def delete_as_seen(self, manifest: Manifest) -> None:
        """Note it, or refuse."""
        metadata = manifest["metadata"]
        if metadata["namespace"] in self.answers:
            raise KubeError(f"not {metadata['namespace']}", self.answers[metadata["namespace"]])
        self.deleted.append((metadata["namespace"], metadata["name"].rpartition("-")[2]))


class Desk:
    """A reconciler of a policy that is gone, with what it has left."""

    def __init__(self, context: Context) -> None:
        self.objects = Ending()
        self.context = replace(context, objects=self.objects)
        self.reconciler = Reconciler(self.context, Audit(self.context))
        asked = policy("strict", {}, network={"mode": "Enforce"})
        asked["metadata"]["uid"] = "p"
        for name in NAMESPACES:
            # As they are written: what allows comes first.
            for each in reversed(
                network_policies(parse_policy(json.dumps(asked)), Place(name, {}))
            ):
                self.see(each)

    def see(self, manifest: Manifest, **metadata: object) -> None:
        """See an object as it stands."""
        place = manifest["metadata"]
        stamp = {"uid": f"{place['namespace']}/{place['name']}", "resourceVersion": "7"}
        live = {**manifest, "metadata": {**place, **stamp, **metadata}}
        self.context.picture.see_object(live, gone=False)

    async def end(self) -> None:
        """Have it looked at that the policy is gone."""
        await self.reconciler.reconcile(Key("policy", "strict"))


@pytest.fixture
async def desk(context: Context) -> Desk:
    return Desk(context)


async def test_all_that_denies_goes_before_anything_that_allows(desk: Desk) -> None:
    await desk.end()
    assert desk.objects.deleted[: len(NAMESPACES)] == [(name, "isolate") for name in NAMESPACES]
    assert sorted(desk.objects.deleted[len(NAMESPACES) :]) == [(name, "dns") for name in NAMESPACES]


async def test_of_one_that_is_there_again_nothing_is_taken(desk: Desk) -> None:
    desk.objects.policy = {"metadata": {"name": "strict", "uid": "another"}}
    await desk.end()
    assert desk.objects.deleted == []


async def test_what_somebody_has_written_since_is_left(desk: Desk) -> None:
    desk.objects.answers = {"b": 409}
    await desk.end()
    assert {namespace for namespace, _ in desk.objects.deleted} == {"a", "c"}
    assert desk.reconciler._problems == {}


async def test_what_fails_is_tried_again(desk: Desk) -> None:
    desk.objects.answers = {"b": 500}
    await desk.end()
    assert len(desk.objects.deleted) == 4
    [problem] = desk.reconciler._problems.values()
    assert "not b" in problem


async def test_what_has_another_owner_or_none_is_not_taken(desk: Desk) -> None:
    mine = next(iter(desk.context.picture.objects.values()))
    reference = mine["metadata"]["ownerReferences"][0]
    other = {**reference, "kind": "ConfigMap", "apiVersion": "v1", "uid": "else"}
    for number, owners in enumerate(([], [other], [reference, other])):
        desk.see(mine, namespace=f"other-{number}", ownerReferences=owners)
    await desk.end()
    assert {namespace for namespace, _ in desk.objects.deleted} == set(NAMESPACES)
