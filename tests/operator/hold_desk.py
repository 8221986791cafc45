"""A leader that holds images, with a cluster of pods that the test sets."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import replace
from typing import Any, Final

from revet.adapters.kube import KubeError
from revet.core.model.meta import Manifest
from revet.core.model.policy_runtime import Severity
from revet.core.runtime.findings import Finding, Suspect
from revet.operator.context import Context
from revet.operator.image_holds import ImageHolds
from tests.operator.runtime_scene import START, Notices, Scene, finding
from tests.operator.test_writer import Written

RESPOND: Final = {"respond": [{"action": "HoldImage"}]}
BAD: Final = f"sha256:{'b' * 64}"


class Cluster(Written):
    """Pods that a test sets, and the policies as the API server has them."""

    def __init__(self, desk: "Desk") -> None:
        super().__init__()
        self._desk = desk
        self.pods: dict[str, Manifest] = {}
        self.refuses: list[KubeError] = []
        self.writes = 0

    async def list(
        self,
        kind: str,
        namespace: str = "",
        selector: str = "",
        fields: str = "",
        trim: Callable[[Manifest], Manifest] = dict,
    ) -> list[Manifest]:
        """Give the pod that is asked for."""
        assert (kind, namespace, selector) == ("Pod", "shop", "")
        found = self.pods.get(fields.removeprefix("metadata.name="))
        return [trim(found)] if found is not None else []

    async def get(self, kind: str, name: str, namespace: str = "") -> Manifest | None:
        """Give the policy as it stands."""
        assert (kind, namespace) == ("HardeningPolicy", "")
        seen = self._desk.context.picture.policies.get(name)
        return deepcopy(seen.manifest) if seen is not None else None

    async def patch(
        self, manifest: Manifest, operations: Sequence[Mapping[str, Any]], subresource: str = ""
    ) -> Manifest:
        """Take the list, unless it is refused."""
        assert (manifest["metadata"]["name"], subresource) == ("p", "/status")
        if self.refuses:
            raise self.refuses.pop()
        self.writes += 1
        return self._desk.list_images(operations[-1]["value"])


class Desk:
    """A leader, and a policy that asks for images to be held."""

    def __init__(self, context: Context) -> None:
        self.notices = Notices()
        self.scene = Scene(context)
        self.cluster = Cluster(self)
        system = frozenset({"kube-system"})
        settings = replace(context.settings, system_namespaces=system)
        self.context = replace(self.scene.context, objects=self.cluster, settings=settings)
        self.clock = self.scene.clock
        self.scene.see(runtime=RESPOND)
        self.have("shop")
        self.have_pod("web-1", BAD)
        self.holds = ImageHolds(self.context, self.notices)

    def have(self, namespace: str, labels: Mapping[str, str] | None = None) -> None:
        """Have a namespace."""
        metadata = {"name": namespace, "uid": namespace, "resourceVersion": "1"}
        manifest = {"metadata": {**metadata, "labels": labels or {}}}
        self.context.picture.see_namespace(manifest, gone=False)

    def have_pod(self, name: str, digest: str, **labels: str) -> None:
        """Have a pod whose container runs an image."""
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "rs"}
        metadata: Manifest = {"name": name, "namespace": "shop", "uid": f"uid-{name}"}
        metadata |= {"labels": labels, "ownerReferences": [{**owner, "controller": True}]}
        image = f"registry.example/app@{digest}" if digest else ""
        status = {"containerStatuses": [{"name": "app", "imageID": image}]}
        self.cluster.pods[name] = {"metadata": metadata, "spec": {}, "status": status}

    def list_images(self, listed: Sequence[Mapping[str, Any]]) -> Manifest:
        """Have a list on the policy, as the watch tells it; return the policy."""
        manifest = deepcopy(self.context.picture.policies["p"].manifest)
        manifest["metadata"]["resourceVersion"] = f"{self.scene.next()}"
        manifest["status"] = {**(manifest.get("status") or {}), "heldImages": list(listed)}
        self.context.picture.see_policy(manifest, gone=False)
        return manifest

    def listed(self) -> list[Manifest]:
        """Return what is on the policy's list."""
        status = self.context.picture.policies["p"].manifest.get("status") or {}
        listed: list[Manifest] = status.get("heldImages", [])
        return listed

    def offer(self, *suspects: Suspect, **fields: Any) -> None:  # noqa: ANN401 -- as Finding's
        """Tell of a finding."""
        given = {"container": "app", "suspects": suspects or (suspect(),), **fields}
        found: Finding = finding(START, **given)
        self.holds.offer(found, self.context.picture.policies["p"])

    def review(self) -> set[str]:
        """Look at the lists as they stand."""
        return self.holds.review(self.context.picture.policies.values())

    def later(self) -> None:
        """Have a minute pass."""
        self.clock.at += 61
        self.holds._turns.news.set()

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Have it work."""
        task = asyncio.create_task(self.holds.run())
        try:
            yield
            assert not task.done()
        finally:
            task.cancel()

    def reasons(self) -> list[str]:
        """Return why Events were made, and at what."""
        return [f"{each.reason} {each.about.kind}" for each in self.notices.all]

    def counted(self, result: str) -> float:
        """Return how many came out so."""
        count: float = self.context.metrics.image_holds.labels(result)._value.get()
        return count


def suspect(name: str = "web-1") -> Suspect:
    """Name a pod of which somebody has told who speaks for its node."""
    return Suspect(name, f"uid-{name}", Severity.CRITICAL, START)
