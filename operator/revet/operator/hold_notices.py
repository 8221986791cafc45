"""What is told of images that are held, released or dropped: by Events and a metric."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from revet.adapters.events import Notice, Recorder
from revet.core.model.meta import Manifest
from revet.core.model.pod import OwnerReference
from revet.core.model.policy import GROUP, KIND, VERSION
from revet.core.model.policy_status import HeldImage
from revet.core.runtime.held_images import Outcome, Trace
from revet.operator.metrics import Metrics
from revet.operator.picture import PolicySeen

#: Where Events about what is in no namespace are.
_OF_POLICIES: Final = "default"


class HoldNotices:
    """Makes the Events, and counts."""

    def __init__(self, recorder: Recorder, metrics: Metrics) -> None:
        """Set up."""
        self._recorder = recorder
        self._metrics = metrics

    def tell_outcome(self, policy: OwnerReference, outcome: Outcome) -> None:
        """Tell at the policy what is held now that was not, and what made room for it."""
        for held in outcome.begun:
            self.count("held")
            text = f"{_word(held)} is held: {held.because}, in {held.workload}"
            self._record(_OF_POLICIES, policy, policy, "ImageHeld", text)
        for held in outcome.dropped:
            self.count("dropped")
            text = f"{_word(held)} made room on the list, which is full, and is held no longer"
            self._record(_OF_POLICIES, policy, policy, "ImageHoldDropped", text)

    def tell_held(self, policy: OwnerReference, trace: Trace, pod: Manifest, digest: str) -> None:
        """Tell at the pod that led to it, and at who runs the pod, so that its owner sees it."""
        text = f"image {digest}, which Pod {trace.suspect.pod} runs, is held: {trace.because}"
        owners = pod["metadata"].get("ownerReferences") or ()
        controllers = (
            OwnerReference(each["apiVersion"], each["kind"], each["name"], each["uid"])
            for each in owners
            if each.get("controller")
        )
        for about in (_pod(trace), *controllers):
            self._record(trace.namespace, about, policy, "ImageHeld", text)

    def tell_not_held(
        self, policy: OwnerReference, trace: Trace | None, why: str, result: str
    ) -> None:
        """Tell what should be and is not: at the pod; of a list that is to end at the policy."""
        self.count(result)
        if trace is None:
            text = f"the list of images that are held can't be emptied: {why}"
            self._record(_OF_POLICIES, policy, policy, "ImageHoldsNotEnded", text)
            return
        text = f"the image of Pod {trace.suspect.pod} is not held: {why}; {trace.because}"
        self._record(trace.namespace, _pod(trace), policy, "ImageNotHeld", text)

    def tell_released(
        self,
        seen: PolicySeen,
        listed: Iterable[HeldImage],
        before: Mapping[str, datetime | None],
    ) -> None:
        """Tell which images somebody has let go since the list was `before`."""
        policy = refer(seen.name, seen.uid)
        for each in listed:
            was_held = each.digest in before and before[each.digest] is None
            if each.released is not None and was_held:
                self.count("released")
                text = f"{_word(each)} was released"
                self._record(_OF_POLICIES, policy, policy, "ImageReleased", text)

    def count(self, result: str) -> None:
        """Count what came of one."""
        self._metrics.image_holds.labels(result).inc()

    def _record(
        self, namespace: str, about: OwnerReference, policy: OwnerReference, reason: str, text: str
    ) -> None:
        note = f"policy {policy.name}: {text}"
        self._recorder.record(Notice(namespace, about, reason, note, related=policy))


def refer(name: str, uid: str) -> OwnerReference:
    """Return a reference to a policy."""
    return OwnerReference(f"{GROUP}/{VERSION}", KIND, name, uid)


def _pod(trace: Trace) -> OwnerReference:
    return OwnerReference("v1", "Pod", trace.suspect.pod, trace.suspect.uid)


def _word(held: HeldImage) -> str:
    return f"image {held.image}@{held.digest}"
