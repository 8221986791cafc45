"""Puts pods in quarantine by what sensors have found, where a policy and the chart allow it.

Only the leader does this, one pod after the other, so that the limits hold.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import msgspec

from revet.adapters.events import Notice, Recorder
from revet.adapters.kube import Collection, KubeError
from revet.adapters.objects import path_of
from revet.core.model.meta import Manifest
from revet.core.model.pod import OwnerReference
from revet.core.model.policy import GROUP, KIND, VERSION, HardeningPolicy
from revet.core.model.selector import compile_selector
from revet.core.render.quarantine import asked_quarantine, quarantine_name
from revet.core.runtime.findings import Finding
from revet.core.runtime.match import compile_rules
from revet.core.runtime.quarantine import Case, find_cases, is_settled, object_to, quarantine
from revet.operator.context import Context
from revet.operator.picture import PolicySeen
from revet.operator.settings import Settings
from revet.operator.writer import is_gone

#: A pod that is looked at is not looked at again for so long, whatever else is told of it.
_REST_S: Final = 60.0
_AGAIN_S: Final = (1.0, 2.0, 5.0, 15.0, 30.0)
_MOST_WAITING: Final = 256
_MOST_REMEMBERED: Final = 4096

_Which = tuple[str, str, str]


@dataclass(slots=True)
class _Turn:
    case: Case
    due: float
    failures: int = 0


class _NotYetError(Exception):
    """Something is not as it must be before a pod is put there; the text says what."""


def say_unanswered(policy: HardeningPolicy | None, settings: Settings) -> list[str]:
    """Say what a policy asks for that the installation does not allow."""
    if settings.quarantines or policy is None or asked_quarantine(policy) is None:
        return []
    return ["spec.runtime.respond: no pod is put in quarantine: the chart's operator.quarantine"]


class Quarantine:
    """Decides on pods and labels them."""

    def __init__(self, context: Context, recorder: Recorder) -> None:
        """Set up; nobody waits."""
        self._context = context
        self._recorder = recorder
        self._waiting: dict[_Which, _Turn] = {}
        self._looked_at: OrderedDict[_Which, float] = OrderedDict()
        self._news = asyncio.Event()

    def offer(self, finding: Finding, seen: PolicySeen) -> None:
        """Have the pods of a finding looked at, where the policy answers to it."""
        policy = seen.policy
        response = asked_quarantine(policy) if policy is not None else None
        if policy is None or response is None or not self._may_act(seen, finding.namespace):
            return
        runtime = policy.spec.runtime
        if not finding.suspects or runtime is None or not compile_rules(runtime)(finding):
            return
        now = self._now()
        for case in find_cases(finding, response):
            which = _which(case)
            rests = now - self._looked_at.get(which, -_REST_S) < _REST_S
            if not rests and which not in self._waiting and len(self._waiting) < _MOST_WAITING:
                self._waiting[which] = _Turn(case, now)
                self._news.set()

    async def run(self) -> None:
        """Look at one pod after the other, until cancelled."""
        while True:
            self._news.clear()
            now = self._now()
            due = [turn for turn in self._waiting.values() if turn.due <= now]
            for turn in due:
                await self._take(turn)
            if due:
                continue
            ends = (turn.due for turn in self._waiting.values())
            wait_s = min(ends, default=float("inf")) - now
            try:
                async with asyncio.timeout(None if wait_s == float("inf") else wait_s):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _take(self, turn: _Turn) -> None:
        case, problem = turn.case, ""
        try:
            await self._look_at(case)
        except _NotYetError as error:
            problem = str(error)
        except KubeError as error:
            problem = "" if is_gone(error) else str(error)
        except Exception as error:  # noqa: BLE001 -- one odd pod must not end the leader
            self._context.log.fail(error, about="quarantine", name=case.suspect.pod)
        if not problem:
            self._settle(case)
        elif turn.failures < len(_AGAIN_S):
            turn.due = self._now() + _AGAIN_S[turn.failures]
            turn.failures += 1
        else:
            self._refuse(case, problem, "failed")
            self._settle(case)

    def _settle(self, case: Case) -> None:
        which = _which(case)
        self._waiting.pop(which, None)
        self._looked_at[which] = self._now()
        self._looked_at.move_to_end(which)
        if len(self._looked_at) > _MOST_REMEMBERED:
            self._looked_at.popitem(last=False)

    async def _look_at(self, case: Case) -> None:
        """Put a pod there, unless something is against it.

        Raises:
            KubeError: the API server refused, or gave no answer.
            _NotYetError: what closes the pod does not stand.

        """
        seen = self._context.picture.policies.get(case.policy_name)
        if seen is None or seen.uid != case.policy or seen.policy is None:
            return
        pod = await self._read(case)
        labels = pod["metadata"].get("labels") or {} if pod is not None else {}
        if pod is None or is_settled(case, pod) or not self._may_act(seen, case.namespace):
            return
        if not compile_selector(seen.policy.spec.pod_selector)(labels):
            return
        around = await self._list_around(case.namespace)
        why = object_to(case, pod, around)
        if why:
            self._refuse(case, why, "refused")
            return
        place = ("NetworkPolicy", case.namespace, quarantine_name(case.policy_name))
        if place not in self._context.picture.objects:
            raise _NotYetError(f"NetworkPolicy {place[2]}, which closes it, does not stand")
        await self._context.objects.apply(quarantine(case, self._context.now()))
        self._context.metrics.quarantines.labels("done").inc()
        self._tell(case, "Quarantined", f"{_word(case)}: no connection remains", pod)

    async def _read(self, case: Case) -> Manifest | None:
        fields = f"metadata.name={case.suspect.pod}"
        found = await self._context.objects.list("Pod", case.namespace, fields=fields)
        return found[0] if found else None

    async def _list_around(self, namespace: str) -> list[Manifest]:
        collection = Collection(path_of("Pod", namespace), metadata_only=True)
        pods, _ = await self._context.kube.list(collection)
        return [msgspec.json.decode(each) for each in pods]

    def _may_act(self, seen: PolicySeen, namespace: str) -> bool:
        """Tell whether anything may be done for a policy in a namespace."""
        settings = self._context.settings
        known = self._context.picture.namespaces.get(namespace)
        if not settings.quarantines or known is None or not seen.is_kept or seen.compiled is None:
            return False
        system = settings.system_namespaces
        if namespace in system or known.hands_off:
            return False
        return seen.compiled.ceiling(namespace, known.labels, system) is not None

    def _refuse(self, case: Case, why: str, result: str) -> None:
        self._context.metrics.quarantines.labels(result).inc()
        self._tell(case, "NotQuarantined", f"{_word(case)}, but {why}")

    def _tell(self, case: Case, reason: str, note: str, pod: Manifest | None = None) -> None:
        """Make an Event at the pod, and at whoever runs it, so that its owner sees it."""
        policy = OwnerReference(f"{GROUP}/{VERSION}", KIND, case.policy_name, case.policy)
        about = [OwnerReference("v1", "Pod", case.suspect.pod, case.suspect.uid)]
        owners = (pod or {}).get("metadata", {}).get("ownerReferences") or ()
        about += (
            OwnerReference(each["apiVersion"], each["kind"], each["name"], each["uid"])
            for each in owners
            if each.get("controller")
        )
        for each in about:
            self._recorder.record(Notice(case.namespace, each, reason, note, related=policy))

    def _now(self) -> float:
        return self._context.now().timestamp()


def _which(case: Case) -> _Which:
    return (case.policy, case.suspect.uid, case.finding)


def _word(case: Case) -> str:
    return f"policy {case.policy_name} wants Pod {case.suspect.pod} in quarantine: {case.because}"
