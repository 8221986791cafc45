"""A namespace that keeps what the canary makes in it, and a canary that tests turn the clock of."""

import asyncio
import json
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from revet.adapters.kube import KubeError
from revet.core.canary_exit import Exit
from revet.core.model.meta import Manifest
from revet.operator.canary import Canary
from revet.operator.context import Context
from revet.operator.settings import CanarySettings
from tests.operator.test_writer import Written
from tests.support.manifests import policy
from tests.webhook.harness import until

IMAGE = f"registry.example.com/revet@sha256:{'0' * 64}"
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
Status = dict[str, Any]


def ended(name: str, code: int) -> list[Manifest]:
    """Write what a container has ended with."""
    return [{"name": name, "state": {"terminated": {"exitCode": code}}}]


RUNS: Status = {
    "phase": "Running",
    "podIP": "10.0.0.1",
    "containerStatuses": [{"name": "serve", "state": {"running": {}}}],
}
CONTROLLED: Status = {"phase": "Running", "initContainerStatuses": ended("control", Exit.SHOWN)}


def compared(code: int) -> Status:
    """Write the status of a client that has compared."""
    return {**CONTROLLED, "phase": "Failed", "containerStatuses": ended("compare", code)}


class Cluster(Written):
    """A namespace with what the canary makes in it; each pod comes to what a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.there: dict[tuple[str, str], Manifest] = {}
        self.made: list[str] = []
        self.refused = ""
        self.server: list[Status] = [{}, RUNS]
        self.client: list[Status] = [{}, CONTROLLED, CONTROLLED, compared(Exit.SHOWN)]

    async def create(self, manifest: Manifest) -> Manifest:
        """Make it, or refuse."""
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        role = name.rpartition("-")[2]
        if role == self.refused:
            raise KubeError(f"no {role} here", 403)
        made = deepcopy(manifest)
        made["metadata"] |= {"uid": f"{role}-{len(self.made)}", "generation": 1}
        self.made.append(role)
        self.there[kind, name] = made
        return deepcopy(made)

    async def get(self, kind: str, name: str, namespace: str = "") -> Manifest | None:
        """Give it, a pod in its next state."""
        if kind == "ClusterRole":
            return {"metadata": {"uid": "owner"}}
        assert namespace == "revet-system-canary"
        found = self.there.get((kind, name))
        if found is not None and kind == "Pod":
            states = self.server if name.endswith("server") else self.client
            found = {**found, "status": states.pop(0) if len(states) > 1 else states[0]}
        return found

    async def list(self, kind: str, *_: object, **__: object) -> list[Manifest]:
        """Give all that is left."""
        return [each for (there, _), each in self.there.items() if there == kind]

    async def delete(self, manifest: Manifest) -> None:
        """Take it away."""
        del self.there[manifest["kind"], manifest["metadata"]["name"]]


class Desk:
    """A canary, with a policy that asks for it, on a clock that a test turns."""

    def __init__(self, context: Context) -> None:
        self.cluster, self.now = Cluster(), START
        settings = replace(context.settings, canary=CanarySettings(IMAGE, 0.2))
        self.context = replace(
            context, settings=settings, objects=self.cluster, now=lambda: self.now
        )
        self.ask()
        self.canary = Canary(self.context)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Have it run, until it is stopped."""
        self._task = asyncio.create_task(self.canary.run())

    async def stop(self) -> None:
        """End it, as the operator's end does."""
        if self._task is not None:
            assert not self._task.done()
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def ask(self, version: int = 1, wish: str = "Enabled", **status: object) -> None:
        """See the policy, at a version."""
        manifest = policy("strict", {"tier": "prod"}, network={"canary": wish})
        metadata = {"uid": "p", "resourceVersion": f"{version}", "generation": version}
        manifest["metadata"] |= metadata
        if status:
            manifest["status"] = status
        self.context.picture.see_policy(json.loads(json.dumps(manifest)), gone=False)

    async def tried(self) -> tuple[str, str]:
        """Return what was said when it was tried, and all of it was taken away again."""
        before = self.canary._outcome
        if self._task is None:
            self.start()
        await until(lambda: self.canary._outcome is not before)
        await until(lambda: not self.canary._is_unclean)
        assert self.cluster.there == {}
        told = self.canary.told("strict")
        assert told is not None
        return told.truth, told.reason
