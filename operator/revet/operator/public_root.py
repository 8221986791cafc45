"""Refreshes the public instance's trust root, where that was asked for, for all replicas at once.

The leader alone asks the TUF repository, in the background; the webhook follows a ConfigMap, and
takes the root that came with it until there is one.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Final

from revet.adapters.kube import KubeError
from revet.adapters.tuf_repository import TufError, fetch_target
from revet.core.errors import describe
from revet.core.model.meta import Manifest
from revet.operator.context import Context
from revet.operator.picture import Key
from revet.operator.settings import PublicRootSettings
from revet.verify.public_good import CONFIG_MAP_NAME, ROOT, read_tuf_anchor

#: The public repository is signed anew every few days.
_EVERY_S: Final = 6 * 3600.0
_AGAIN_S: Final = 900.0
_LONGEST_S: Final = 120.0
#: So long a repository may be out of reach before anybody is told but the log.
_PATIENCE_S: Final = 24 * 3600.0

Fetch = Callable[[], bytes]


class PublicRoot:
    """Keeps the ConfigMap; what there is stays where nothing better can be had."""

    def __init__(self, context: Context, fetch: Fetch | None = None) -> None:
        """Set up; `fetch` gets the newest root, and blocks."""
        settings = context.settings.public_root
        self._context = context
        self._fetch = fetch or (partial(_fetch, settings) if settings else None)
        self._clock = asyncio.get_running_loop().time
        self._good_at = self._clock()
        self._problem = ""

    def problem(self, uid: str) -> str:
        """Return why the root that a policy relies on grows old, in words; mostly empty."""
        policies = (each.policy for each in self._context.picture.policies.values())
        images = (each.spec.images for each in policies if each and each.metadata.uid == uid)
        relies = any(
            item.trust_root is None for each in images if each for item in each.verify or ()
        )
        return self._problem if relies else ""

    async def run(self) -> None:
        """Refresh it now and then, until cancelled; never where nobody asked for it."""
        while self._fetch is not None:
            is_fresh = await self.refresh(self._fetch)
            await asyncio.sleep(_EVERY_S if is_fresh else _AGAIN_S)

    async def refresh(self, fetch: Fetch) -> bool:
        """Get the newest root and keep it; return whether that went well."""
        problem = ""
        try:
            await self._keep(await _fetch_apart(fetch))
        except (TufError, KubeError) as error:
            problem = f"the public trust root can't be refreshed: {error}"
            self._context.log.complain(problem)
            is_forged = isinstance(error, TufError) and error.is_forged
            is_told = is_forged or self._clock() - self._good_at > _PATIENCE_S
            self._note(f"{problem}: what was there before still counts" if is_told else "")
        else:
            self._good_at = self._clock()
            self._note("")
        self._context.metrics.public_root_refreshes.labels("failed" if problem else "ok").inc()
        return not problem

    async def _keep(self, root: bytes) -> None:
        """Write it into the ConfigMap, which the chart has made, if it is another one."""
        context = self._context
        namespace = context.settings.namespace
        live = await context.objects.get("ConfigMap", CONFIG_MAP_NAME, namespace) or {}
        text = root.decode()
        if (live.get("data") or {}).get(ROOT) == text:
            return
        manifest: Manifest = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": CONFIG_MAP_NAME, "namespace": namespace},
            "data": {ROOT: text},
        }
        await context.objects.apply(manifest)
        context.log.write("public-root-written", configmap=CONFIG_MAP_NAME)

    def _note(self, problem: str) -> None:
        """Have it told in the status of all policies, if it is news."""
        if problem != self._problem:
            self._problem = problem
            names = list(self._context.picture.policies)
            self._context.statuses.add_all(Key("status", each) for each in names)


async def _fetch_apart(fetch: Fetch) -> bytes:
    """Run what blocks on a thread that nobody's end waits for, and not for ever.

    Raises:
        TufError: it failed, or took too long: the client bounds each read, and not the whole.

    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[bytes] = loop.create_future()

    def tell(root: bytes | None, error: Exception | None) -> None:
        if not done.done():
            done.set_exception(error) if error is not None else done.set_result(root or b"")

    def run() -> None:
        root, failure = None, None
        try:
            root = fetch()
        except TufError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 -- a repository must not end the leader
            failure = TufError(describe(error))
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(tell, root, failure)

    Thread(target=run, name="public-root", daemon=True).start()
    try:
        async with asyncio.timeout(_LONGEST_S):
            return await done
    except TimeoutError:
        raise TufError(f"no answer in {_LONGEST_S:.0f} s") from None


def _fetch(settings: PublicRootSettings) -> bytes:
    return fetch_target(settings.url, read_tuf_anchor(), settings.folder, ROOT)
