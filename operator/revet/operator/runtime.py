"""Holds what the ingest hands over, and decides when a policy's status is to say something new.

What flips is told at once; all else soon after, and then once a minute at most, so that a storm
costs a handful of writes. Only the leader does this, and it alone writes status.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from revet.adapters.events import Notice, Recorder
from revet.core.model.pod import OwnerReference
from revet.core.model.policy import GROUP, KIND, VERSION, HardeningPolicy
from revet.core.model.policy_status import HardeningPolicyStatus
from revet.core.render.quarantine import asked_quarantine
from revet.core.runtime.brakes import Brakes
from revet.core.runtime.findings import Finding
from revet.core.runtime.handover import Collected, Portion
from revet.core.runtime.match import compile_rules, seconds
from revet.core.runtime.verdict import Sight, Verdict, bucket, judge_runtime, recall
from revet.operator.context import Context
from revet.operator.credentials import Credentials
from revet.operator.handover import Asker, HandoverError
from revet.operator.image_holds import ImageHolds, word_images
from revet.operator.picture import Key, PolicySeen
from revet.operator.prober import Replica
from revet.operator.quarantine import Quarantine
from revet.operator.replicas import Replicas
from revet.operator.ward import Ward

EVERY_S: Final = 0.5
_LOOK_EVERY_S: Final = 10.0
#: What is no flip is told so often at once, not faster than `_SETTLE_S`, and then so rarely.
_MORE: Final = 3
_SETTLE_S: Final = 2.0
REST_S: Final = 60.0
_FLIPS_A_S: Final = 5
_FIRST_S: Final = 5.0
_DEAF_S: Final = 10.0
_OLD_NEWS_S: Final = 30.0
_NO_ANSWER: Final = "revet-ingest does not answer"
_NOT_ASKED: Final = "no revet-ingest is installed: nobody listens to sensors"


@dataclass(slots=True)
class _Told:
    verdict: Verdict
    at: float
    generation: tuple[str, int]
    #: When what is new and no flip may be told.
    due: float = float("inf")
    judged: float = 0.0


class RuntimeWatch:
    """What is known of the runtime sensors' findings, for the status of each policy."""

    def __init__(self, context: Context, recorder: Recorder, credentials: Credentials) -> None:
        """Set up; nothing was heard yet."""
        self._context = context
        self._recorder = recorder
        self._credentials = credentials
        settings = context.settings
        self._is_asked = settings.ingest_service is not None or settings.ingest_url is not None
        self._at_url = settings.ingest_url and Replica(settings.ingest_url, None)
        self._replicas = Replicas(settings.ingest_service or "", settings.namespace)
        self._asker = Asker()
        self._quarantine = Quarantine(context, recorder)
        self._ward = Ward(context, recorder)
        self._holds = ImageHolds(context, recorder)
        self._collected = Collected()
        self._started = self._now()
        self._answered_at = 0.0
        self._since = self._started
        self._expired_at = 0.0
        self._problem = "" if self._is_asked else _NOT_ASKED
        self._told: dict[str, _Told] = {}
        self._recalled: dict[str, list[Finding]] = {}
        self._feed_mark: object = None
        self._flips = Brakes(_FLIPS_A_S, 1 / _FLIPS_A_S)
        self._more = Brakes(_MORE, REST_S)
        self._brakes = Brakes()

    def verdict(self, policy: str, uid: str) -> Verdict | None:
        """Return what a policy's status is to say, None where that is not known yet."""
        told = self._told_of(policy, uid)
        return told.verdict if told else None

    async def run(self) -> None:
        """Ask and decide, until cancelled."""
        async with self._asker, asyncio.TaskGroup() as tasks:
            if self._is_asked and not self._at_url:
                tasks.create_task(self._replicas.follow(self._context))
            for part in (self._quarantine, self._ward, self._holds):
                tasks.create_task(part.run())
            while True:
                try:
                    self.decide(await self._collect() if self._is_asked else ())
                except Exception as error:  # noqa: BLE001 -- one policy must not end the leader
                    self._context.log.fail(error, about="runtime")
                await asyncio.sleep(EVERY_S)

    def take(self, portion: Portion) -> set[str]:
        """Take in what a replica has handed over; return the policies that it is about, by uid."""
        policies = {each.policy for each in portion.findings}
        policies |= {each.policy for each in portion.omitted}
        for each in portion.findings:
            self._respond(each)
        for each in self._collected.take(portion):
            self._announce(each)
        return policies

    def decide(self, changed: Iterable[str]) -> None:
        """Have the status of each policy written that has something new to say."""
        now = self._now()
        if self._is_asked and not self._answered_at and now - self._started < _FIRST_S:
            return  # A moment later more is known.
        everybody = self._has_feed_changed(now)
        policies = self._context.picture.policies
        clear_s: dict[str, float] = {}
        listening: set[str] = set()
        changed = set(changed)
        held = self._ward.take_changes() | self._holds.review(policies.values())
        for name, seen in policies.items():
            policy = seen.policy
            if policy is None or policy.spec.runtime is None:
                continue
            clear_s[seen.uid] = seconds(policy.spec.runtime.clear_after)
            listening.add(name)
            told = self._told_of(name, seen.uid)
            generation = (seen.uid, policy.metadata.generation)
            if (
                everybody
                or seen.uid in changed
                or name in held
                or told is None
                or told.generation != generation
                or told.verdict.until <= now
                or told.due <= now
                or told.judged + REST_S <= now
            ):
                self._judge(name, seen, policy, now)
        self._want_ward(policies[name] for name in listening)
        for name in self._told.keys() - listening:
            del self._told[name]
            self._context.statuses.add(Key("status", name))
        if now - self._expired_at >= _LOOK_EVERY_S:
            self._expired_at = now
            self._collected.expire(clear_s, now)
            self._recalled = {uid: each for uid, each in self._recalled.items() if uid in clear_s}

    def _respond(self, finding: Finding) -> None:
        """Have done what the policy wants done about a finding, if it is still there."""
        seen = self._context.picture.policies.get(finding.policy_name)
        if seen is not None and seen.uid == finding.policy:
            self._quarantine.offer(finding, seen)
            self._holds.offer(finding, seen)

    def _want_ward(self, policies: Iterable[PolicySeen]) -> None:
        asked = (each.policy is not None and asked_quarantine(each.policy) for each in policies)
        self._ward.want(is_wanted=self._context.settings.quarantines and any(asked))

    def _has_feed_changed(self, now: float) -> bool:
        """Tell whether another sensor is heard, or more was lost, than when last asked."""
        feed = self._collected.feed()
        mark = (
            self._unheard(now),
            frozenset(feed.heard),
            frozenset((each.source, each.reason, bucket(each.count)) for each in feed.lost),
        )
        before, self._feed_mark = self._feed_mark, mark
        return mark != before

    def _judge(self, name: str, seen: PolicySeen, policy: HardeningPolicy, now: float) -> None:
        runtime = policy.spec.runtime
        if runtime is None:
            return
        status = policy.status or HardeningPolicyStatus()
        if seen.uid not in self._recalled:
            self._recalled[seen.uid] = recall(seen.uid, status.runtime_findings, REST_S)
        fits = compile_rules(runtime)
        found = judge_runtime(runtime, fits, self._look(seen, now), status.conditions, now)
        self._tell(name, found, (seen.uid, policy.metadata.generation), now)

    def _tell(self, name: str, found: Verdict, generation: tuple[str, int], now: float) -> None:
        told = self._told_of(name, generation[0])
        if told is not None and replace(found, until=0.0) == replace(told.verdict, until=0.0):
            told.verdict, told.generation, told.due = found, generation, float("inf")
            told.judged = now
            return
        is_flip = (
            told is None or told.generation != generation or told.verdict.truths != found.truths
        )
        if is_flip and not self._flips.allow("", now):
            return  # The next round is soon.
        if not is_flip and told is not None and not self._may_add(name, told, now):
            told.verdict = replace(told.verdict, until=found.until)
            return
        self._told[name] = _Told(found, now, generation, judged=now)
        self._context.statuses.add(Key("status", name))

    def _told_of(self, name: str, uid: str) -> _Told | None:
        """Return what was told of a policy; one that had its name before is another."""
        told = self._told.get(name)
        return told if told is not None and told.generation[0] == uid else None

    def _may_add(self, name: str, told: _Told, now: float) -> bool:
        """Tell whether more may be told that is no flip: a little soon after it, then rarely."""
        if now - told.at < _SETTLE_S:
            told.due = told.at + _SETTLE_S
        elif not self._more.allow(name, now):
            told.due = now + _SETTLE_S
        else:
            return True
        return False

    def _look(self, seen: PolicySeen, now: float) -> Sight:
        uid = seen.uid
        findings = list(self._collected.findings.of(uid))
        known = {_place(each) for each in findings}
        recalled = [each for each in self._recalled[uid] if _place(each) not in known]
        unheard = self._unheard(now)
        since = (self._answered_at or self._started) if unheard else self._since
        return Sight(
            [each for each in (*findings, *recalled) if self._selects(seen, each.namespace)],
            self._collected.findings.omitted(uid),
            self._collected.feed(),
            since,
            unheard,
            self._ward.words(seen.name),
            word_images(seen),
        )

    def _selects(self, seen: PolicySeen, namespace: str) -> bool:
        """Tell whether a policy is still about a namespace; one that is gone is not forgotten."""
        known = self._context.picture.namespaces.get(namespace)
        if known is None or seen.compiled is None:
            return True
        system = self._context.settings.system_namespaces
        return seen.compiled.ceiling(namespace, known.labels, system) is not None

    def _unheard(self, now: float) -> str:
        return (self._problem or _NO_ANSWER) if now - self._answered_at > _DEAF_S else ""

    async def _collect(self) -> set[str]:
        now = self._now()
        if not self._credentials.handover_token:
            self._problem = "the Secret of revet-ingest is not written yet"
            return set()
        token, bundle = self._credentials.handover_token, self._credentials.bundle
        replicas = [self._at_url] if self._at_url else self._replicas.ready
        answers = await self._asker.ask(replicas, bundle, token)
        portions = [each for each in answers if isinstance(each, Portion)]
        problems = [str(each) for each in answers if isinstance(each, HandoverError)]
        self._context.metrics.ingest_replicas.set(len(portions))
        if portions:
            self._answered_at = now
            self._since = min(each.started for each in portions)
        if problems or not replicas:
            why = problems[0] if problems else "none is ready"
            self._problem = f"{_NO_ANSWER}: {why}"
        return set[str]().union(*map(self.take, portions))

    def _announce(self, finding: Finding) -> None:
        """Make an Event of what is new, unless it is old news, or there were too many."""
        now = self._now()
        if finding.last < self._started - _OLD_NEWS_S:
            return
        if not self._brakes.allow(f"{finding.policy} {finding.pod_uid or finding.workload}", now):
            return
        policy = OwnerReference(f"{GROUP}/{VERSION}", KIND, finding.policy_name, finding.policy)
        about = OwnerReference("v1", "Pod", finding.pod, finding.pod_uid)
        self._recorder.record(
            Notice(
                finding.namespace if finding.pod else "default",
                about if finding.pod else policy,
                "RuntimeViolation",
                _word(finding),
                related=policy,
            )
        )

    def _now(self) -> float:
        return self._context.now().timestamp()


def _place(finding: Finding) -> tuple[str, str, str, str, str]:
    return (finding.source, finding.rule, finding.namespace, finding.kind, finding.workload)


def _word(finding: Finding) -> str:
    where = "/".join(filter(None, (finding.namespace, finding.kind, finding.workload)))
    parts = [
        f"policy {finding.policy_name}: {finding.source} {finding.rule!r}",
        f"{finding.severity}, {finding.effect}, in {where}",
        f"container {finding.container}" if finding.container else "",
        f"by {finding.process}" if finding.process else "",
    ]
    return "; ".join(filter(None, parts))
