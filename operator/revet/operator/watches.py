"""Watches what there may be thousands of: namespaces, and our own objects.

Not by kopf, which makes a task and a deep copy of each event: ten times what we need.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from revet.adapters.kube import Collection
from revet.adapters.objects import RESOURCES, path_of
from revet.adapters.watcher import Freshness, Watcher
from revet.core.model.meta import MANAGED_SELECTOR, Manifest
from revet.operator.context import Context
from revet.operator.intake import OWN_KINDS, Intake, see

KINDS: Final = ("Namespace", *OWN_KINDS)


async def watch(context: Context, intake: Intake) -> None:
    """Take in every event of every kind, until cancelled."""
    clock = asyncio.get_running_loop().time
    async with asyncio.TaskGroup() as tasks:
        for kind in KINDS:
            selector = MANAGED_SELECTOR if kind in OWN_KINDS else ""
            watcher = Watcher(
                context.kube,
                Collection(path_of(kind), selector=selector),
                _Copy(context, intake, kind),
                Freshness(clock),
                context.log.complain,
            )
            tasks.create_task(watcher.run())


class _Copy:
    """What one kind's watch feeds."""

    def __init__(self, context: Context, intake: Intake, kind: str) -> None:
        self._context = context
        self._intake = intake
        self._kind = kind

    def replace(self, objects: Sequence[bytes]) -> None:  # noqa: ARG002 -- see below
        """Have everything listed again: a list must be held against what was seen before it."""
        self._intake.want()

    def put(self, data: bytes) -> None:
        """Take in an object that is new or has changed."""
        self._see(data, gone=False)

    def drop(self, data: bytes) -> None:
        """Take in that an object went."""
        self._see(data, gone=True)

    def _see(self, data: bytes, *, gone: bool) -> None:
        manifest: Manifest = {
            # A watched object of a built-in kind may not say what it is.
            "apiVersion": RESOURCES[self._kind].api_version,
            "kind": self._kind,
            **msgspec.json.decode(data),
        }
        try:
            touched = see(self._context.picture, self._kind, manifest, gone=gone)
        except Exception as error:  # noqa: BLE001 -- one odd object must not end the watch
            name = manifest.get("metadata", {}).get("name", "")
            self._context.log.fail(error, about="watch", name=f"{self._kind} {name}")
        else:
            self._context.queue.add_all(touched)
