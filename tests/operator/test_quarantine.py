"""The leader's part in quarantine: whom it looks at, when it does nothing, what it tells."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import pytest

from revet.adapters.kube import Collection, Kube, KubeError
from revet.core.model.meta import Manifest
from revet.core.model.policy_runtime import Severity
from revet.core.network.facts import Place
from revet.core.render.networkpolicy import network_policies
from revet.core.runtime.findings import Finding, Suspect
from revet.operator.context import Context
from revet.operator.quarantine import Quarantine, say_unanswered
from revet.operator.ward import Ward
from tests.operator.runtime_scene import START, Notices, Scene, finding
from tests.operator.silence import Silence
from tests.operator.test_writer import Written
from tests.webhook.harness import until

LABEL: Final = "revet.dev/quarantine"
RESPOND: Final = {"respond": [{"action": "Quarantine"}]}


class Cluster(Written):
    """Pods and NetworkPolicies that a test sets, and what is applied."""

    def __init__(self) -> None:
        super().__init__()
        self.pods: list[Manifest] = []
        self.policies: list[Manifest] = []
        self.applied: list[Manifest] = []
        self.refuses: list[KubeError] = []

    async def list(
        self,
        kind: str,
        namespace: str = "",
        selector: str = "",
        fields: str = "",
        trim: Callable[[Manifest], Manifest] = dict,
    ) -> list[Manifest]:
        """Give what there is."""
        assert namespace == "shop"
        assert not selector
        if kind == "NetworkPolicy":
            return self.policies
        name = fields.removeprefix("metadata.name=")
        return [trim(each) for each in self.pods if each["metadata"]["name"] == name]

    async def apply(self, manifest: Manifest, subresource: str = "") -> Manifest:
        """Keep what is written, unless it is refused."""
        if self.refuses:
            raise self.refuses.pop()
        self.applied.append(manifest)
        return await super().apply(manifest, subresource)


class Around(Silence):
    """Lists the pods of a cluster."""

    def __init__(self, kube: Kube, cluster: Cluster) -> None:
        super().__init__(kube.client)
        self._cluster = cluster

    async def list(
        self, collection: Collection, trim: Callable[[bytes], bytes] = bytes
    ) -> tuple[Sequence[bytes], str]:
        """Give them all."""
        assert collection.metadata_only
        return [trim(json.dumps(each).encode()) for each in self._cluster.pods], "1"


class Desk:
    """A leader that may put pods in quarantine, and a policy that asks for it."""

    def __init__(self, context: Context) -> None:
        self.cluster = Cluster()
        self.notices = Notices()
        scene = Scene(context)
        system = frozenset({"kube-system"})
        settings = replace(context.settings, quarantines=True, system_namespaces=system)
        kube = Around(context.kube, self.cluster)
        self.context = replace(scene.context, objects=self.cluster, kube=kube, settings=settings)
        self.clock = scene.clock
        self.see = scene.see
        self.see(runtime=RESPOND)
        self.have("shop")
        self.cluster.pods = [_pod("web-1"), _pod("web-2")]
        self.quarantine = Quarantine(self.context, self.notices)

    def have(self, namespace: str, labels: Mapping[str, str] | None = None) -> None:
        """Have a namespace, with the NetworkPolicy that closes what is in quarantine there."""
        picture = self.context.picture
        metadata = {"name": namespace, "uid": namespace, "resourceVersion": "1"}
        picture.see_namespace({"metadata": {**metadata, "labels": labels or {}}}, gone=False)
        policy = picture.policies["p"].policy
        assert policy is not None
        for each in network_policies(policy, Place(namespace)):
            each["metadata"] |= {"resourceVersion": "1", "uid": f"{namespace}-closed"}
            picture.see_object(each, gone=False)

    def offer(self, *suspects: Suspect, **fields: Any) -> None:  # noqa: ANN401 -- as Finding's
        """Tell of a finding."""
        given = {"severity": Severity.CRITICAL, "suspects": suspects or (_suspect(),), **fields}
        found: Finding = finding(START, **given)
        self.quarantine.offer(found, self.context.picture.policies["p"])

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Have it work."""
        task = asyncio.create_task(self.quarantine.run())
        try:
            yield
            assert not task.done()
        finally:
            task.cancel()

    def reasons(self) -> list[str]:
        """Return why Events were made."""
        return [each.reason for each in self.notices.all]

    def counted(self, result: str) -> float:
        """Return how many pods came out so."""
        count: float = self.context.metrics.quarantines.labels(result)._value.get()
        return count


def _pod(name: str, **labels: str) -> Manifest:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "rs"}
    metadata: Manifest = {"name": name, "namespace": "shop", "uid": f"uid-{name}"}
    metadata |= {"labels": labels, "ownerReferences": [{**owner, "controller": True}]}
    return {"metadata": metadata, "spec": {}, "status": {"phase": "Running"}}


def _suspect(name: str = "web-1") -> Suspect:
    return Suspect(name, f"uid-{name}", Severity.CRITICAL, START)


@pytest.fixture
def desk(context: Context) -> Desk:
    return Desk(context)


async def test_a_pod_is_labelled_once_and_its_owner_is_told(desk: Desk) -> None:
    async with desk.run():
        for _ in range(5):
            desk.offer()
        await until(lambda: desk.cluster.applied)
        desk.offer()
        await until(lambda: desk.counted("done") == 1)
    [written] = desk.cluster.applied
    assert written["metadata"]["uid"] == "uid-web-1"
    assert set(written["metadata"]["labels"]) == {LABEL}
    assert [each.about.kind for each in desk.notices.all] == ["Pod", "ReplicaSet"]
    assert set(desk.reasons()) == {"Quarantined"}


async def test_a_limit_is_told(desk: Desk) -> None:
    desk.cluster.pods[1]["metadata"]["labels"] = {LABEL: "by-hand"}
    async with desk.run():
        desk.offer()
        await until(lambda: desk.counted("refused") == 1)
    assert desk.cluster.applied == []
    assert desk.reasons() == ["NotQuarantined"]


async def test_nothing_is_done_where_nothing_may_be(desk: Desk) -> None:
    desk.have("kube-system")
    desk.have("broken", labels={"revet.dev/break-glass": "x"})
    for namespace in ("kube-system", "broken", "nobody-knows"):
        desk.offer(namespace=namespace)
    desk.offer(policy="p", suspects=())
    desk.offer(severity=Severity.LOW)
    changes: list[dict[str, Any]] = [
        {"runtime": RESPOND, "namespaceSelector": {"matchLabels": {"a": "b"}}},
        {"runtime": {**RESPOND, "rules": [{"name": "r", "ruleNames": ["other"]}]}},
        {"runtime": {}},
    ]
    for spec in changes:
        desk.see(generation=2, **spec)
        desk.offer()
    desk.see(generation=3, runtime=RESPOND)
    desk.context.picture.policies["p"].manifest["metadata"]["annotations"] = {
        "revet.dev/paused": "true"
    }
    desk.offer()
    assert desk.quarantine._turns.waiting == {}


async def test_a_policy_that_has_changed_since_does_nothing(desk: Desk) -> None:
    desk.offer()
    desk.see(generation=2, runtime=RESPOND, podSelector={"matchLabels": {"app": "db"}})
    async with desk.run():
        await until(lambda: not desk.quarantine._turns.waiting)
    assert (desk.cluster.applied, desk.reasons()) == ([], [])


async def test_nobody_is_labelled_where_nothing_would_close_it(desk: Desk) -> None:
    desk.context.picture.objects.clear()
    async with desk.run():
        desk.offer()
        await until(lambda: any(each.failures for each in desk.quarantine._turns.waiting.values()))
        assert desk.cluster.applied == []
        desk.have("shop")
        desk.clock.at += 60
        desk.quarantine._turns.news.set()
        await until(lambda: desk.cluster.applied)


async def test_what_goes_on_failing_is_told(desk: Desk) -> None:
    desk.cluster.refuses = [KubeError("no right to", 403)] * 6
    waiting = desk.quarantine._turns.waiting
    async with desk.run():
        desk.offer()
        for failures in range(1, 6):
            await until(
                lambda: any(each.failures == failures for each in waiting.values())  # noqa: B023
            )
            desk.clock.at += 60
            desk.quarantine._turns.news.set()
        await until(lambda: desk.counted("failed") == 1)
    assert desk.cluster.applied == []
    assert "no right to" in desk.notices.all[0].note


async def test_a_pod_that_went_meanwhile_is_no_failure(desk: Desk) -> None:
    desk.cluster.refuses = [KubeError("uid mismatch", 409)]
    async with desk.run():
        desk.offer()
        desk.offer(_suspect("gone"), rule="Other")
        await until(lambda: not desk.quarantine._turns.waiting)
    assert desk.reasons() == []


def test_what_the_chart_does_not_allow_is_said(desk: Desk) -> None:
    policy = desk.context.picture.policies["p"].policy
    assert say_unanswered(policy, desk.context.settings) == []
    off = replace(desk.context.settings, quarantines=False)
    assert "operator.quarantine" in say_unanswered(policy, off)[0]
    desk.see(generation=2, runtime={})
    assert say_unanswered(desk.context.picture.policies["p"].policy, off) == []


async def test_the_ward_knows_who_is_there_and_what_opens_them(desk: Desk) -> None:
    ward = Ward(desk.context, desk.notices)
    note = {"policy": "p", "finding": "f", "workload": "Deployment/web", "because": "", "at": ""}
    held = _pod("web-1", app="web", **{LABEL: "f"})
    held["metadata"]["annotations"] = {"revet.dev/quarantined-for": json.dumps(note)}
    desk.cluster.pods = [held]
    spec: Manifest = {"podSelector": {}, "ingress": [{}]}
    desk.cluster.policies = [{"metadata": {"name": "theirs"}, "spec": spec}]
    task = asyncio.create_task(ward.run())
    assert ward.words("p") == ""
    ward.want(is_wanted=True)
    await until(lambda: "NetworkPolicy theirs" in ward.words("p"))
    assert ward.words("p").startswith("shop/web-1, to which")
    assert ward.take_changes() == {"p"}
    assert ward.take_changes() == set()
    assert desk.reasons() == ["QuarantineOpen"]
    ward.drop(json.dumps(held).encode())
    assert (ward.words("p"), ward.take_changes()) == ("", {"p"})
    ward.put(json.dumps(held).encode())
    ward.want(is_wanted=False)
    await until(lambda: ward.words("p") == "")
    assert not task.done()
    task.cancel()
