"""Keeps the Pod Security labels of each namespace that policies ask for, and puts back old ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from revet.adapters.kube import KubeError
from revet.core.model.meta import POD_SECURITY_ANNOTATION, Manifest
from revet.core.model.policy import HardeningPolicy
from revet.core.render.baseline import (
    MODES,
    Baseline,
    namespace_manifest,
    pod_security,
    raised,
)
from revet.core.restoration import forget, put_back
from revet.operator.asking import corrects, find_asking
from revet.operator.context import Context
from revet.operator.picture import Key, NamespaceSeen
from revet.operator.writer import is_gone

_NOTHING: Final = Baseline({}, {}, {}, {})
_LEFT: Final = "the labels are not as they were written, and stay so (drift: Report)"


@dataclass(slots=True)
class Result:
    """What came of one policy's wish for labels, over all namespaces."""

    #: Where those stand that were asked for, if any were.
    labelled: list[str] = field(default_factory=list)
    #: Where nothing is to be written, with the reason.
    spared: dict[str, str] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    #: Where others' edits stay, since that is all the same to the policy.
    left: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of it in one namespace."""

    asking: tuple[str, ...]
    reasons: dict[str, str] = field(default_factory=dict)
    conflicts: tuple[str, ...] = ()
    hands_off: str = ""
    left: bool = False


class Baselines:
    """Keeps labels, one namespace at a time: several policies may ask for one."""

    def __init__(self, context: Context) -> None:
        """Set up; nothing has come of anything yet."""
        self._context = context
        self._outcomes: dict[str, _Outcome] = {}

    async def keep(self, name: str) -> None:
        """See that a namespace has the labels that its policies ask for.

        Raises:
            KubeError: they could not be written.

        """
        outcome = None
        try:
            namespace = self._context.picture.namespaces.get(name)
            if namespace is not None:
                outcome = await self._keep(namespace)
        finally:
            # Not before: until then what came of it the last time is what a status tells.
            if outcome is None:
                self._outcomes.pop(name, None)
            else:
                self._outcomes[name] = outcome

    async def _keep(self, namespace: NamespaceSeen) -> _Outcome | None:
        found = find_asking(self._context, namespace)
        asking = found.kept
        names = tuple(policy.metadata.name for policy, _ in asking)
        paused = [policy.metadata.name for policy in found.paused]
        # While break-glass is open nothing is corrected, and what people asked us to leave stays.
        hands_off = namespace.hands_off
        if paused and not asking:
            hands_off = hands_off or f"the policy {paused[0]} is paused"
        if hands_off:
            return _Outcome((*names, *paused), hands_off=hands_off)
        live = (namespace.labels, namespace.before, namespace.rewritten)
        baseline = pod_security(asking, *live) if asking or namespace.before else _NOTHING
        if paused:
            # What the paused one needs stays; less than the others ask for is no reason to be less.
            baseline = raised(baseline, *live)
        policies = [policy for policy, _ in asking]
        does = not policies or corrects(policies)
        stands = True
        if not self._is_left(namespace, asks=bool(asking)):
            stands = await self._write(namespace, baseline, corrects=does)
        contradictions = tuple(_contradictions(namespace.name, policies))
        return _Outcome(names, baseline.reasons, contradictions, left=not (stands or does))

    def of(self, policy: str) -> Result:
        """Return what came of one policy's wishes."""
        result = Result()
        for namespace, outcome in sorted(self._outcomes.items()):
            if policy not in outcome.asking:
                continue
            if outcome.hands_off:
                result.spared[namespace] = outcome.hands_off
                continue
            result.labelled.append(namespace)
            if policy in outcome.reasons:
                result.reasons.append(f"{namespace}: {outcome.reasons[policy]}")
            result.conflicts += (each for each in outcome.conflicts if policy in each)
            if outcome.left:
                result.left.append(f"{namespace}: {_LEFT}")
        return result

    def _is_left(self, namespace: NamespaceSeen, *, asks: bool) -> bool:
        """Tell whether labels of ours stay as they are: a policy that can't be read may want them.

        Where others have changed them, what the other policies ask for is better than nothing.
        """
        if not namespace.before or not any(
            each.is_unread for each in self._context.picture.policies.values()
        ):
            return False
        stands = not namespace.rewritten and namespace.before.keys() <= namespace.labels.keys()
        return stands or not asks

    async def _write(self, namespace: NamespaceSeen, baseline: Baseline, *, corrects: bool) -> bool:
        """See that the labels stand; tell whether they do."""
        key = Key("namespace", namespace.name)
        desired = namespace_manifest(namespace.name, namespace.uid, baseline)
        live = _manifest_of(namespace)
        # With nothing left to remember, in the same write: else the next pass would put back again.
        stale = not baseline.before and POD_SECURITY_ANNOTATION in namespace.annotations
        stands = (
            all(namespace.labels.get(name) == value for name, value in baseline.labels.items())
            and baseline.before == namespace.before
            and not baseline.restore
            and not stale
        )
        if stands:
            self._context.writer.note_written(desired)
            return True
        edited = bool(namespace.rewritten or namespace.before.keys() - namespace.labels.keys())
        writer = self._context.writer
        if not writer.may_write(desired, live, key, corrects=corrects, edited=edited):
            return False
        back = put_back(namespace.labels, baseline.restore) + ([forget()] if stale else [])
        try:
            refusal = await self._put_back(live, namespace.uid, back)
            # What could not be put back is ours still, and must not keep the rest from standing.
            now = baseline if refusal is None else _yet(namespace, baseline)
            written = namespace_manifest(namespace.name, namespace.uid, now)
            applied = await self._context.objects.apply(written)
        except KubeError as error:
            # An apply with the uid of a namespace that is gone makes no new one: it is refused.
            if is_gone(error):
                return True
            raise
        # It may tell of other changes before their events do.
        self._context.queue.add_all(self._context.picture.see_namespace(applied, gone=False))
        self._context.writer.note_written(written)
        if refusal is not None:
            raise refusal
        return True

    async def _put_back(
        self, live: Manifest, uid: str, operations: Sequence[Mapping[str, Any]]
    ) -> KubeError | None:
        """Write what stood there before; return why not, if that is refused.

        Raises:
            KubeError: the namespace is gone.

        """
        if not operations:
            return None
        test = {"op": "test", "path": "/metadata/uid", "value": uid}
        try:
            await self._context.objects.patch(live, [test, *operations])
        except KubeError as error:
            if is_gone(error):
                raise
            return error
        return None


def _yet(namespace: NamespaceSeen, baseline: Baseline) -> Baseline:
    """Return the baseline while nothing could be put back: what was to be stays as it is."""
    ended = baseline.restore
    labels = {key: namespace.labels[key] for key in ended if key in namespace.labels}
    before = {key: namespace.before[key] for key in ended}
    return Baseline({**labels, **baseline.labels}, {**before, **baseline.before}, {}, {})


def _contradictions(namespace: str, policies: Sequence[HardeningPolicy]) -> list[str]:
    """Say where policies ask for different levels; the stricter one holds."""
    found = []
    for mode in MODES:
        wishes = {
            policy.metadata.name: level
            for policy in policies
            if policy.spec.namespaces is not None
            and policy.spec.namespaces.pod_security is not None
            and (level := getattr(policy.spec.namespaces.pod_security, mode)) is not None
        }
        if len(set(wishes.values())) > 1:
            told = ", ".join(f"{name} asks for {level}" for name, level in wishes.items())
            found.append(f"{namespace}: podSecurity.{mode}: {told}; the strictest holds")
    return found


def _manifest_of(namespace: NamespaceSeen) -> Manifest:
    metadata = {
        "name": namespace.name,
        "labels": dict(namespace.labels),
        "annotations": dict(namespace.annotations),
        "managedFields": list(namespace.managers),
    }
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
