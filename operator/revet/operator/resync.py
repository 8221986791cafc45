"""What no event of the picture brings: replicas of the webhook, old certificates, lost events.

Apart from the work itself, which is the same whatever asked for it.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from revet.adapters.kube import KubeError
from revet.operator.bells import listen
from revet.operator.context import Context
from revet.operator.picture import CLUSTER, Key
from revet.operator.reconcile import Reconciler

_ROUNDS_TO_RESYNC: Final = 60


async def keep_fresh(
    reconciler: Reconciler, context: Context, replicas_changed: Callable[[], None], every_s: float
) -> None:
    """Count the webhook's replicas, and look at everything again now and then, until cancelled.

    `replicas_changed` is called when they may have.
    """
    changed = asyncio.Event()

    def note_change() -> None:
        changed.set()
        replicas_changed()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_count_on(reconciler, context, changed, every_s))
        tasks.create_task(_resync(context, changed, every_s * _ROUNDS_TO_RESYNC))
        tasks.create_task(listen(context, note_change))


async def _count_on(
    reconciler: Reconciler, context: Context, changed: asyncio.Event, every_s: float
) -> None:
    """Count replicas when they change; at a URL nobody tells when that is."""
    while True:
        changed.clear()
        is_counted = await _count(reconciler, context)
        await asyncio.sleep(every_s)
        if is_counted and context.settings.webhook_url is None:
            await changed.wait()


async def _resync(context: Context, changed: asyncio.Event, every_s: float) -> None:
    picture = context.picture
    while True:
        context.queue.add(CLUSTER)
        context.queue.add_all(Key("policy", name) for name in picture.policies)
        context.queue.add_all(Key("namespace", name) for name in picture.namespaces)
        changed.set()
        await asyncio.sleep(every_s)


async def _count(reconciler: Reconciler, context: Context) -> bool:
    """Count replicas; tell whether that went well."""
    try:
        return await reconciler.entries.count_replicas()
    except KubeError as error:
        context.log.complain(str(error))
    except Exception as error:  # noqa: BLE001 -- one odd object must not end the leader
        context.log.fail(error, about="replicas")
    return False
