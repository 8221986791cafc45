"""From a review to its answer: look up the policies, judge or patch, count, log."""

import asyncio
from collections import Counter
from collections.abc import Callable
from enum import Enum
from traceback import format_exception
from typing import Final

import msgspec

from revet.adapters.events import Notice, Recorder
from revet.adapters.log import Log
from revet.core.admission import Request, is_judged, judge, patch
from revet.core.compiled_policy import Applied
from revet.core.decide import Decision
from revet.core.errors import ManifestError
from revet.core.message import audit, denial, plain, warnings
from revet.core.model.mode import Mode
from revet.core.model.policy import GROUP
from revet.webhook.decision_line import DecisionLine, fold
from revet.webhook.images import ImageSource
from revet.webhook.metrics import Metrics
from revet.webhook.policies import Knowledge
from revet.webhook.review import AdmissionRequest, Answer, Status, held, patched, warned

_MOST_PATHS: Final = 50
_CONTROLLERS: Final = ("system:serviceaccount:kube-system:", "system:kube-controller-manager")


class Door(Enum):
    """The path that a call came by; it tells what an answer may be."""

    VALIDATE = "validate"
    MUTATE = "mutate"
    AUDIT = "audit"
    CLUSTER = "cluster"

    @property
    def may_refuse(self) -> bool:
        """Whether a finding in Enforce is a refusal here."""
        return self is not Door.AUDIT

    @property
    def fails_closed(self) -> bool:
        """Whether the entry is a Fail one: what can't be judged there is denied."""
        return self in {Door.VALIDATE, Door.MUTATE}

    def path(self, key: str) -> str:
        """Return the path of the validating entry: a mutating one is its twin."""
        return f"/{(Door.VALIDATE if self is Door.MUTATE else self).value}/{key}"


class Reviewer:
    """Answers reviews."""

    def __init__(
        self,
        knowledge: Knowledge,
        metrics: Metrics,
        log: Log,
        events: Recorder,
        clock: Callable[[], float],
        images: ImageSource,
    ) -> None:
        """Set up; `clock` gives seconds, finely: most answers take a fraction of a millisecond."""
        self._knowledge = knowledge
        self._metrics = metrics
        self._log = log
        self._events = events
        self._clock = clock
        self._images = images

    async def answer(
        self, door: Door, key: str, request: AdmissionRequest, deadline: float
    ) -> Answer:
        """Answer one review by `deadline`; what goes wrong is answered as the door asks."""
        started = self._clock()
        try:
            answer, verdict, decision = await self._answer(door, key, request, deadline)
        except Exception as error:  # noqa: BLE001 -- the one place: whatever it is, it is answered
            answer, verdict, decision = self._fail(door, request, error), "failed", Decision()
        elapsed_s = self._clock() - started
        # Anybody who reaches the port may name any kind; only those that we judge get a label.
        kind = request.kind.kind if is_judged(request.kind.group, request.kind.kind) else "other"
        self._metrics.count_review(door.value, kind, verdict, elapsed_s)
        self._log_decision(door, request, verdict, decision, elapsed_s)
        return answer

    async def _answer(
        self, door: Door, key: str, request: AdmissionRequest, deadline: float
    ) -> tuple[Answer, str, Decision]:
        path, arrived = door.path(key), self._knowledge.births.time()
        if request.kind.group == GROUP:
            return self._probed(path, request), "allowed", Decision()
        applied = await self._knowledge.applied(path, request.home, deadline)
        if applied is None:
            return self._unknown(door, path, request), "unjudged", Decision()
        parsed = request.parse(self._knowledge.beside.neighbours)
        if parsed is None or (request.is_namespace and request.name in self._knowledge.system):
            return Answer(request.uid, allowed=True), "allowed", Decision()
        is_patch = door is Door.MUTATE
        if any(each.policy.asks_registries for each in applied):
            parsed = await self._images.complete(parsed, applied, deadline, mutating=is_patch)
        if is_patch:
            return self._patch(request, parsed, applied)
        decision = await self._judge(door, parsed, applied, deadline)
        if decision.verdicts and not request.dry_run:
            self._count(path, parsed, decision)
        lack = None
        is_new = request.makes_a_pod and not parsed.is_mirror
        if is_new and door is Door.VALIDATE and decision.allowed:
            lack = await self._knowledge.lack(applied, request.namespace, arrived, deadline)
        decided = self._decided(door, request, parsed, decision)
        if lack is None:
            return decided
        if not request.dry_run:
            self._metrics.waits.labels("held" if lack.holds else "admitted").inc()
        text = plain(lack.describe(_title(request), request.namespace))
        answer, verdict = held(decided[0], text) if lack.holds else warned(decided[0], text)
        return answer, verdict, decision

    async def _judge(
        self, door: Door, parsed: Request, applied: tuple[Applied, ...], deadline: float
    ) -> Decision:
        """Judge; what would be refused only for want of another object waits: it may be on its way.

        A ServiceAccount that was made a moment ago comes by a watch of its own.
        """
        while True:
            news = self._knowledge.news
            decision = judge(parsed, applied)
            refusing = decision.in_mode(Mode.ENFORCE) if door.may_refuse else []
            if not refusing or not all(each.awaits_news for each in refusing):
                return decision
            try:
                async with asyncio.timeout_at(deadline):
                    await news.wait()
            except TimeoutError:
                return decision

    def _probed(self, path: str, request: AdmissionRequest) -> Answer:
        """Tell the operator by which policies this replica judges, before an entry relies on it."""
        told = {
            "generations": self._knowledge.generations(path),
            "signers": self._images.signers,
        }
        annotations = {name: msgspec.json.encode(each).decode() for name, each in told.items()}
        return Answer(request.uid, allowed=True, audit_annotations=annotations)

    def _patch(
        self, request: AdmissionRequest, parsed: Request, applied: tuple[Applied, ...]
    ) -> tuple[Answer, str, Decision]:
        operations = patch(parsed, applied)
        if not operations:
            return Answer(request.uid, allowed=True), "allowed", Decision()
        annotations = _note_stale(parsed)
        paths = [operation["path"] for operation in operations[:_MOST_PATHS]]
        if len(operations) > _MOST_PATHS:
            paths.append(f"and {len(operations) - _MOST_PATHS} more")
        annotations["patched"] = ",".join(paths)
        return patched(request.uid, operations, annotations), "patched", Decision()

    def _decided(
        self, door: Door, request: AdmissionRequest, parsed: Request, decision: Decision
    ) -> tuple[Answer, str, Decision]:
        if not decision.verdicts:
            notes = _note_stale(parsed) or None
            return Answer(request.uid, allowed=True, audit_annotations=notes), "allowed", decision
        subject = parsed.subject
        allowed = decision.allowed or not door.may_refuse
        warned = warnings(subject, decision)
        answer = Answer(
            request.uid,
            allowed=allowed,
            # On a line of its own: kubectl puts the entry's name before it.
            status=None if allowed else Status("\n" + denial(subject, request.home, decision)),
            warnings=warned or None,
            audit_annotations={"findings": audit(subject, decision), **_note_stale(parsed)},
        )
        if not allowed:
            if not request.dry_run:
                self._tell_owner(request, parsed, decision)
            return answer, "denied", decision
        return answer, "warned" if warned else "allowed", decision

    def _tell_owner(self, request: AdmissionRequest, parsed: Request, decision: Decision) -> None:
        """Tell the owner of a denied Pod: whoever looks at a ReplicaSet that makes none."""
        owner = parsed.subject.metadata.controller
        # Anybody may write an ownerReference; only the cluster's own controllers are taken at it.
        if owner is not None and request.user_info.username.startswith(_CONTROLLERS):
            note = denial(parsed.subject, request.namespace, decision)
            self._events.record(Notice(request.namespace, owner, "DeniedByPolicy", note))

    def _unknown(self, door: Door, path: str, request: AdmissionRequest) -> Answer:
        """Answer for an entry or a namespace that did not arrive in time: unknown is not pass."""
        text = (
            f"{_title(request)} was not judged: Revet "
            f"has not yet seen the entry {path} or the namespace; try again in a moment"
        )
        return self._unjudged(door, request, text, "unknown-entry")

    def _fail(self, door: Door, request: AdmissionRequest, error: Exception) -> Answer:
        self._log.write(
            "review-error",
            uid=request.uid,
            error=f"{type(error).__name__}: {error}",
            trace="".join(format_exception(error)),
        )
        # A manifest's error speaks of the user's own object; any other is ours, and for the log.
        cause = str(error) if isinstance(error, ManifestError) else "an error inside of Revet"
        text = (
            f"{_title(request)} could not be judged: "
            f"{cause}; the webhook's log tells more under uid {request.uid}"
        )
        return self._unjudged(door, request, text, "error")

    def _unjudged(self, door: Door, request: AdmissionRequest, text: str, reason: str) -> Answer:
        text = plain(text)
        if door.fails_closed:
            self._metrics.fail_closed.labels(reason).inc()
            return Answer(request.uid, allowed=False, status=Status(text))
        return Answer(
            request.uid,
            allowed=True,
            warnings=[text[:256]],
            audit_annotations={"unjudged": text},
        )

    def _count(self, path: str, parsed: Request, decision: Decision) -> None:
        kind = parsed.subject.kind
        counted = [
            verdict for verdict in decision.verdicts if path == verdict.applied.counted_by(kind)
        ]
        for metric, are_unknown in ((self._metrics.findings, False), (self._metrics.unknown, True)):
            labels = Counter(
                (each.applied.policy.name, each.finding.control, each.mode.value)
                for each in counted
                if each.is_unknown is are_unknown
            )
            for each, number in labels.items():
                metric.labels(*each).inc(number)

    def _log_decision(
        self,
        door: Door,
        request: AdmissionRequest,
        verdict: str,
        decision: Decision,
        elapsed_s: float,
    ) -> None:
        line = DecisionLine(
            time=self._log.time(),
            door=door.value,
            uid=request.uid,
            user=request.user_info.username,
            operation=request.operation,
            kind=request.kind.kind,
            namespace=request.namespace,
            name=request.name,
            dry_run=bool(request.dry_run),
            verdict=verdict,
            ms=round(elapsed_s * 1000, 3),
            findings=fold(decision) if decision.verdicts else [],
        )
        self._log.write_line(line)


def _note_stale(parsed: Request) -> dict[str, str]:
    """Note what was known of images only as of some time ago."""
    stale = parsed.images.stale
    return {"stale": plain("; ".join(stale))} if stale else {}


def _title(request: AdmissionRequest) -> str:
    """Name an object that was not read."""
    namespace = f"{request.home}/" if request.home else ""
    return f"{request.kind.kind} {namespace}{request.name or '*'}"
