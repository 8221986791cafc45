"""Puts pods in quarantine by what sensors have found, where a policy and the chart allow it.

Only the leader does this, one pod after the other, so that the limits hold.
"""

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
from revet.operator.responding import Turn, Turns, may_respond
from revet.operator.settings import Settings
from revet.operator.writer import is_gone

_Which = tuple[str, str, str]


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
        self._turns: Turns[Case] = Turns(lambda: context.now().timestamp())

    def offer(self, finding: Finding, seen: PolicySeen) -> None:
        """Have the pods of a finding looked at, where the policy answers to it."""
        policy = seen.policy
        response = asked_quarantine(policy) if policy is not None else None
        if policy is None or response is None or not self._may_act(seen, finding.namespace):
            return
        runtime = policy.spec.runtime
        if not finding.suspects or runtime is None or not compile_rules(runtime)(finding):
            return
        for case in find_cases(finding, response):
            self._turns.offer(_which(case), case)

    async def run(self) -> None:
        """Look at one pod after the other, until cancelled."""
        while True:
            due = self._turns.due()
            for turn in due:
                await self._take(turn)
            if not due:
                await self._turns.wait()

    async def _take(self, turn: Turn[Case]) -> None:
        case, problem = turn.case, ""
        try:
            await self._look_at(case)
        except _NotYetError as error:
            problem = str(error)
        except KubeError as error:
            problem = "" if is_gone(error) else str(error)
        except Exception as error:  # noqa: BLE001 -- one odd pod must not end the leader
            self._context.log.fail(error, about="quarantine", name=case.suspect.pod)
        if problem:
            if self._turns.postpone(turn):
                return
            self._refuse(case, problem, "failed")
        self._turns.settle(turn)

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
        return self._context.settings.quarantines and may_respond(self._context, seen, namespace)

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


def _which(case: Case) -> _Which:
    return (case.policy, case.suspect.uid, case.finding)


def _word(case: Case) -> str:
    return f"policy {case.policy_name} wants Pod {case.suspect.pod} in quarantine: {case.because}"
