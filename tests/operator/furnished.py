"""What keeps baselines, fed by hand and with its writes told: for the tests of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from revet.adapters.kube import KubeError
from revet.adapters.watcher import Copy
from revet.core.account import FIELD
from revet.core.model.meta import FIELD_MANAGER, PAUSED_ANNOTATION, Manifest
from revet.core.model.policy import parse_policy
from revet.core.render.bounds import bounds
from revet.operator.context import Context
from revet.operator.furnishing import Furnishing
from revet.operator.holdings import ACCOUNT, KINDS, Holdings
from revet.operator.writer import Writer
from tests.operator.test_writer import Written
from tests.support.manifests import namespace, policy

LABELS: Final = {"tier": "prod"}
ASKED: Final[Manifest] = {
    "mode": "Enforce",
    "resourceQuota": {"hard": {"pods": 5}},
    "limitRange": {"limits": [{"type": "Container", "max": {"memory": "1Gi"}}]},
    "serviceAccounts": {"automountToken": False},
}


class Told(Written):
    """Objects that tell of what was done to them, each with its name; some are refused."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[tuple[str, str]] = []
        self.refused = ""

    async def apply(self, manifest: Manifest, subresource: str = "") -> Manifest:
        """Answer as the API server would, which notes who wrote."""
        self._write("apply", manifest)
        applied = await super().apply(manifest, subresource)
        fields: Manifest = {f"f:{FIELD}": {}} if FIELD in manifest else {}
        entry = {"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": fields}
        applied["metadata"]["managedFields"] = [entry]
        return applied

    async def patch(
        self, manifest: Manifest, operations: Sequence[Mapping[str, Any]], subresource: str = ""
    ) -> Manifest:
        """Note the last operation."""
        assert not subresource
        self._write(f"patch {operations[-1]['path']}", manifest)
        return manifest

    async def delete(self, manifest: Manifest) -> None:
        """Note it."""
        self._write("delete", manifest)

    def _write(self, what: str, manifest: Manifest) -> None:
        if manifest["kind"] == self.refused:
            raise KubeError("no right to", 403)
        self.writes.append((what, manifest["kind"]))


class Desk:
    """Everything that keeps baselines, fed by hand."""

    def __init__(self, context: Context) -> None:
        self.objects = Told()
        clock = context.queue._clock
        picture = context.picture
        writer = Writer(self.objects, picture, frozenset(), clock, context.queue.add)
        self.context = replace(context, objects=self.objects, writer=writer)
        self.holdings = Holdings(self.context)
        self.furnishing = Furnishing(self.context, self.holdings)
        self.copies: dict[str, Copy] = {}
        for kind in KINDS:
            opened = self.holdings._open(kind)
            self.copies[kind] = opened.copy
            opened.freshness.mark()

    def know(self, name: str, *, paused: bool = False, uid: str = "", **asked: object) -> Manifest:
        """Learn of a policy."""
        manifest = policy(name, LABELS, namespaces=ASKED | asked)
        noted = {PAUSED_ANNOTATION: "true"} if paused else {}
        version = str(1000 + len(self.objects.done))
        manifest["metadata"] |= {"uid": uid or name, "generation": 1, "annotations": noted}
        manifest["metadata"]["resourceVersion"] = version
        self.context.picture.see_policy(manifest, gone=False)
        return manifest

    def see(self, kind: str, manifest: Manifest, version: int = 1) -> None:
        """Learn of what stands in the namespace."""
        metadata = {"namespace": "shop", "uid": "u", "resourceVersion": f"{version}"}
        seen = {**manifest, "metadata": {**metadata, **manifest["metadata"]}}
        self.copies[kind].put(json.dumps(seen).encode())

    def see_account(self, *, automount: bool | None = None, **metadata: object) -> None:
        """Learn of the ServiceAccount."""
        said = {} if automount is None else {FIELD: automount}
        self.see(ACCOUNT, {"metadata": {"name": "default", **metadata}, **said})

    async def keep(self, name: str = "shop", **metadata: object) -> None:
        """Have a namespace looked at."""
        manifest = namespace(name, LABELS)
        manifest["metadata"] |= {"uid": name, "resourceVersion": "1", **metadata}
        self.context.picture.see_namespace(manifest, gone=False)
        self.objects.writes.clear()
        await self.furnishing.keep(name)

    def made(self, manifest: Manifest, kind: str) -> Manifest:
        """Return what a policy has written."""
        return bounds(parse_policy(json.dumps(manifest)), "shop")[kind]
