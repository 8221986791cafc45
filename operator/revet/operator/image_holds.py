"""Puts images on policies' watch lists by what sensors have found; the webhook judges by the lists.

A list is a part of the policy's status, so it needs nobody to go on holding. Only the leader adds
to it, people with the right to release mark what is on it, and both test what they have seen.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

from revet.adapters.events import Recorder
from revet.adapters.kube import KubeError
from revet.core.model.meta import Manifest
from revet.core.model.policy import KIND
from revet.core.model.policy_status import HeldImage, parse_status
from revet.core.model.selector import compile_selector
from revet.core.runtime.findings import Finding
from revet.core.runtime.held_images import (
    Hold,
    Outcome,
    Trace,
    asked_hold,
    find_images,
    find_traces,
    held_images,
    listed_images,
    put_on,
    rewrite,
    word_held,
)
from revet.core.runtime.match import compile_rules
from revet.operator.context import Context
from revet.operator.hold_notices import HoldNotices, refer
from revet.operator.picture import PolicySeen
from revet.operator.responding import Turn, Turns, may_respond

#: After each round, so that a storm is written in a few lists.
_PAUSE_S: Final = 1.0


class _Known(NamedTuple):
    """What a policy, of this uid, had on its list: digests, and when they were released."""

    uid: str
    released: dict[str, datetime | None]


class _Task(NamedTuple):
    """A container to look at; without one, a list to empty that nobody asks for any more."""

    policy: str
    uid: str
    trace: Trace | None = None


class _Look(NamedTuple):
    """What came of a look at a pod."""

    turn: Turn[_Task]
    holds: tuple[Hold, ...]
    pod: Manifest


class _UnknownError(Exception):
    """No image can be told; the text says why, and `is_final` whether that will not change."""

    def __init__(self, text: str, *, is_final: bool = False) -> None:
        super().__init__(text)
        self.is_final = is_final


class ImageHolds:
    """Decides which images are held, and writes the lists."""

    def __init__(self, context: Context, recorder: Recorder) -> None:
        """Set up; nothing waits."""
        self._context = context
        self._notices = HoldNotices(recorder, context.metrics)
        self._turns: Turns[_Task] = Turns(lambda: context.now().timestamp())
        self._known: dict[str, _Known] = {}

    def offer(self, finding: Finding, seen: PolicySeen) -> None:
        """Have the containers of a finding looked at, where the policy answers to it."""
        policy = seen.policy
        response = asked_hold(policy) if policy is not None else None
        if policy is None or response is None or policy.spec.runtime is None:
            return
        if not finding.suspects or not may_respond(self._context, seen, finding.namespace):
            return
        if not compile_rules(policy.spec.runtime)(finding):
            return
        for trace in find_traces(finding, response):
            which = (trace.policy, trace.suspect.uid, trace.container, trace.finding)
            if not self._turns.offer(which, _Task(seen.name, seen.uid, trace)):
                self._notices.count("crowded")

    def review(self, policies: Iterable[PolicySeen]) -> set[str]:
        """Look at the lists as they stand; return the policies of which one has changed."""
        changed: set[str] = set()
        known: dict[str, _Known] = {}
        for seen in policies:
            listed = listed_images(seen.policy) if seen.policy is not None else ()
            after = _Known(seen.uid, {each.digest: each.released for each in listed})
            before = self._known.get(seen.name)
            known[seen.name] = after
            if before != after:
                changed.add(seen.name)
                self._context.metrics.held_images.labels(seen.name).set(len(seen.held))
            if before is not None and before.uid == after.uid:
                self._notices.tell_released(seen, listed, before.released)
            if listed and seen.policy is not None and asked_hold(seen.policy) is None:
                self._turns.offer(seen.uid, _Task(seen.name, seen.uid))
        for name in self._known.keys() - known.keys():
            self._context.metrics.held_images.remove(name)
        self._known = known
        return changed

    async def run(self) -> None:
        """Look and write, until cancelled."""
        while True:
            due = self._turns.due()
            if not due:
                await self._turns.wait()
                continue
            looks: dict[str, list[_Look]] = {}
            for turn in due:
                look = await self._take(turn)
                if look is not None:
                    looks.setdefault(turn.case.uid, []).append(look)
            for group in looks.values():
                await self._hold(group)
            await asyncio.sleep(_PAUSE_S)

    async def _take(self, turn: Turn[_Task]) -> _Look | None:
        """Look at a pod, or empty a list; return what is to be held."""
        problem, result, may_wait = "", "failed", True
        try:
            look = await self._look_at(turn)
            if look is not None:
                return look
        except _UnknownError as error:
            problem, result, may_wait = str(error), "unknown", not error.is_final
        except KubeError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001 -- one odd pod must not end the leader
            self._context.log.fail(error, about="image-hold", name=turn.case.policy)
        self._conclude(turn, problem, result, may_wait=may_wait)
        return None

    def _conclude(
        self, turn: Turn[_Task], problem: str, result: str, *, may_wait: bool = True
    ) -> None:
        if problem and may_wait and self._turns.postpone(turn):
            return
        if problem:
            task = turn.case
            policy = refer(task.policy, task.uid)
            self._notices.tell_not_held(policy, task.trace, problem, result)
        self._turns.settle(turn)

    async def _look_at(self, turn: Turn[_Task]) -> _Look | None:
        """Find the image that a container runs; None where there is nothing to hold.

        Raises:
            KubeError: the API server refused, or gave no answer.
            _UnknownError: the image can't be told, or not yet.

        """
        task, trace = turn.case, turn.case.trace
        seen = self._context.picture.policies.get(task.policy)
        if seen is None or seen.uid != task.uid or seen.policy is None:
            return None
        is_asked = asked_hold(seen.policy) is not None
        if trace is None:
            if not is_asked:
                await self._empty(task)
            return None
        if not is_asked or not may_respond(self._context, seen, trace.namespace):
            return None
        pod = await self._read_pod(trace)
        labels = pod["metadata"].get("labels") or {}
        if not compile_selector(seen.policy.spec.pod_selector)(labels):
            return None
        found = find_images(pod, trace.container)
        if not found:
            container = f"container {trace.container}" if trace.container else "which container"
            raise _UnknownError(f"nothing names a digest of a registry for {container}")
        return _Look(turn, tuple(Hold(trace, *each) for each in found), pod)

    async def _read_pod(self, trace: Trace) -> Manifest:
        fields = f"metadata.name={trace.suspect.pod}"
        pods = await self._context.objects.list("Pod", trace.namespace, fields=fields)
        for pod in pods:
            if pod["metadata"]["uid"] == trace.suspect.uid:
                return pod
        raise _UnknownError("it is gone, so nobody can say what it ran", is_final=True)

    async def _hold(self, looks: list[_Look]) -> None:
        """Put the images of one policy on its list."""
        task, problem = looks[0].turn.case, ""
        try:
            outcome = await self._put_on(task, [hold for each in looks for hold in each.holds])
        except KubeError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001 -- one odd finding must not end the leader
            self._context.log.fail(error, about="image-hold", name=task.policy)
            problem = f"an error of Revet's own, with its trace in the operator's log: {error!r}"
        else:
            policy = refer(task.policy, task.uid)
            self._notices.tell_outcome(policy, outcome)
            begun = {each.digest for each in outcome.begun}
            for each in looks:
                for hold in each.holds:
                    if hold.digest in begun:
                        self._notices.tell_held(policy, hold.trace, each.pod, hold.digest)
        for each in looks:
            self._conclude(each.turn, problem, "failed")

    async def _put_on(self, task: _Task, holds: list[Hold]) -> Outcome:
        found = await self._read_policy(task)
        if found is None:
            return Outcome((), (), ())
        status = parse_status(found.get("status"))
        listed = status.held_images if status is not None else ()
        outcome = put_on(listed, holds, self._context.now())
        if outcome.listed != listed:
            await self._replace(found, outcome.listed)
        return outcome

    async def _empty(self, task: _Task) -> None:
        found = await self._read_policy(task)
        if found is not None and (found.get("status") or {}).get("heldImages"):
            await self._replace(found, ())

    async def _read_policy(self, task: _Task) -> Manifest | None:
        """Return the policy as it is now; None where it is gone."""
        found = await self._context.objects.get(KIND, task.policy)
        return found if found is not None and found["metadata"]["uid"] == task.uid else None

    async def _replace(self, found: Manifest, listed: tuple[HeldImage, ...]) -> None:
        applied = await self._context.objects.patch(found, rewrite(found, listed), "/status")
        self._context.metrics.status_writes.inc()
        self._context.queue.add_all(self._context.picture.see_policy(applied, gone=False))


def word_images(seen: PolicySeen) -> str:
    """Say which images a policy holds; empty where there are none."""
    return word_held(held_images(seen.policy)) if seen.policy is not None else ""
