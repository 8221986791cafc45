"""Finds out whether the network enforces NetworkPolicies: two pods, and a connection denied.

One for all policies that ask: it is the network that is tried, and not a policy.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from secrets import token_hex
from typing import Final

from revet.adapters.kube import KubeError
from revet.core.canary import (
    COMPARE,
    CONTROL,
    Outcome,
    Verdict,
    find_obstacle,
    has_ended,
    judge,
    judge_control,
    read_address,
    read_exit,
    read_words,
    recall,
    unknown,
)
from revet.core.canary_exit import Exit
from revet.core.model.meta import CANARY_LABEL, Manifest
from revet.core.model.policy_network import Canary as Wish
from revet.core.render.canary import CLIENT, SERVER, render_client, render_denial, render_server
from revet.operator.context import Context
from revet.operator.owner import read_owner
from revet.operator.picture import Key, PolicySeen

_DUE_EVERY_S: Final = 2.0
_AGAIN_S: Final = 60.0
_ASK_EVERY_S: Final = 1.0
_END_S: Final = 5.0
_KINDS: Final = ("Pod", "NetworkPolicy")
_NOT_INSTALLED: Final = "the chart's value canary.pinnedImage names no image to try with"

#: A policy's uid and generation.
_Version = tuple[str, int]


class Canary:
    """Tries when a policy asks for it that is new or has changed, and once a day."""

    def __init__(self, context: Context) -> None:
        """Set up, with what the status of policies tells of the last try."""
        self._context = context
        self._clock = asyncio.get_running_loop().time
        self._settings = context.settings.canary
        self._step_s = self._settings.timeout_s if self._settings is not None else 0.0
        self._namespace = context.settings.canary_namespace
        self._outcome: Outcome | None = None
        self._tried: dict[str, _Version] = {}
        self._tried_at = float("-inf")
        #: Whether something may be left of a try: also of one before we started.
        self._is_unclean = True
        self._recall()

    def told(self, policy: str) -> Verdict | None:
        """Return what is known, for the status of a policy; None where nothing was tried yet."""
        if self._settings is None:
            return unknown("NotInstalled", _NOT_INSTALLED)
        seen = self._context.picture.policies.get(policy)
        if self._outcome is None or seen is None:
            return None
        return self._outcome.tell(is_earlier=self._tried.get(policy) != _version(seen))

    async def run(self) -> None:
        """Try when it is time to, until cancelled."""
        if self._settings is None:
            return
        try:
            while True:
                await self._take_turn()
                await asyncio.sleep(_DUE_EVERY_S)
        except asyncio.CancelledError:
            # Wherever our end meets us, be it in the midst of taking away; but it waits for nobody.
            if self._is_unclean:
                with suppress(KubeError, TimeoutError):
                    await asyncio.wait_for(self._sweep(), _END_S)
            raise

    async def _take_turn(self) -> None:
        try:
            if self._is_unclean:
                await self._sweep()
            if self._is_due():
                await self._try()
        except KubeError as error:
            self._context.log.complain(f"canary: {error}")
            await asyncio.sleep(_AGAIN_S)
        except Exception as error:  # noqa: BLE001 -- the leader must not end by it
            self._context.log.fail(error, about="canary")
            await asyncio.sleep(_AGAIN_S)

    def _recall(self) -> None:
        """Take over what was told: a restart is no reason to try again."""
        now = self._context.now()
        for name, seen in self._asking().items():
            status = seen.manifest.get("status") or {}
            found = recall(status, now)
            if found is None:
                continue
            if not found.is_earlier and status.get("observedGeneration") == _version(seen)[1]:
                self._tried[name] = _version(seen)
            if self._outcome is None or found.outcome.at > self._outcome.at:
                self._outcome = found.outcome

    def _asking(self) -> dict[str, PolicySeen]:
        """Return the policies that ask for it, and are not paused."""
        policies = self._context.picture.policies
        return {name: seen for name, seen in policies.items() if seen.is_kept and _asks(seen)}

    def _is_due(self) -> bool:
        asking = self._asking()
        # However often policies change, there is some time between two tries.
        if not asking or self._clock() - self._tried_at < self._step_s / 2:
            return False
        if self._outcome is None or self._outcome.is_due(self._context.now()):
            return True
        return any(self._tried.get(name) != _version(seen) for name, seen in asking.items())

    async def _try(self) -> None:
        """Try, have it told, and take all of it away again."""
        asking = self._asking()
        self._tried_at = self._clock()
        self._is_unclean = True
        try:
            shown = await self._attempt()
        except KubeError as error:
            shown = unknown("Refused", str(error))
        self._outcome = Outcome(shown, self._context.now())
        self._tried = {name: _version(seen) for name, seen in asking.items()}
        self._context.log.write("canary", status=shown.truth, reason=shown.reason)
        self._context.statuses.add_all(Key("status", name) for name in asking)
        await self._sweep()

    async def _attempt(self) -> Verdict:
        run, objects = token_hex(4), self._context.objects
        owner = await read_owner(objects, self._context.settings.owner)
        image = self._settings.image if self._settings is not None else ""
        place = (run, self._namespace, image, owner, self._step_s)
        made = await objects.create(render_server(*place))
        server = await self._wait(made, SERVER, lambda pod: bool(read_address(pod)))
        if isinstance(server, Verdict):
            return server
        made = await objects.create(render_client(*place, read_address(server)))
        client = await self._wait(made, CLIENT, lambda pod: read_exit(pod, CONTROL) is not None)
        if isinstance(client, Verdict):
            return client
        wrong = judge_control(read_exit(client, CONTROL), read_words(client, CONTROL))
        if wrong is not None:
            return wrong
        denial = await objects.create(render_denial(run, self._namespace, owner))
        return await self._compare(client, denial)

    async def _compare(self, client: Manifest, denial: Manifest) -> Verdict:
        """Wait for what the client says of the denied connection, and see that it was denied."""
        since = self._clock()
        last = await self._wait(client, CLIENT, lambda pod: read_exit(pod, COMPARE) is not None)
        if isinstance(last, Verdict):
            return last
        code = read_exit(last, COMPARE)
        if not await self._stands(denial):
            return unknown("PolicyChanged", "somebody has changed the canary's NetworkPolicy")
        if code == Exit.THROUGH and self._clock() - since < self._least_s:
            return unknown("TooShort", "the connection was denied too late to tell")
        return judge(code, read_words(last, COMPARE))

    @property
    def _least_s(self) -> float:
        """How long a connection must have been denied to say that it is made all the same."""
        return self._step_s / 4

    async def _stands(self, denial: Manifest) -> bool:
        metadata = denial["metadata"]
        kind, place = denial["kind"], (metadata["name"], metadata["namespace"])
        live = await self._context.objects.get(kind, *place)
        return live is not None and all(
            live["metadata"].get(key) == metadata.get(key) for key in ("uid", "generation")
        )

    async def _wait(
        self, pod: Manifest, role: str, is_so: Callable[[Manifest], bool]
    ) -> Manifest | Verdict:
        """Wait for a pod to come to something; return it as it is then, or why it has not."""
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        end = self._clock() + self._step_s
        while True:
            live = await self._context.objects.get("Pod", name, namespace)
            if live is None or live["metadata"]["uid"] != pod["metadata"]["uid"]:
                return find_obstacle(None, role)
            if is_so(live):
                return live
            if has_ended(live) or self._clock() >= end:
                return find_obstacle(live, role)
            await asyncio.sleep(_ASK_EVERY_S)

    async def _sweep(self) -> None:
        """Take away all that a try has made, be it one that was cut short by our end."""
        for kind in _KINDS:
            for each in await self._context.objects.list(kind, self._namespace, CANARY_LABEL):
                await self._context.objects.delete(each)
        self._is_unclean = False


def _asks(seen: PolicySeen) -> bool:
    network = seen.policy.spec.network if seen.policy is not None else None
    return network is not None and network.canary is Wish.ENABLED


def _version(seen: PolicySeen) -> _Version:
    return seen.uid, seen.manifest["metadata"].get("generation", 0)
