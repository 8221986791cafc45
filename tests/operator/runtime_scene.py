"""A leader with an ingest that the test speaks for, and a clock that the test moves."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from revet.adapters.events import Notice
from revet.core.model.policy_runtime import Source
from revet.core.runtime.feed import FeedReport
from revet.core.runtime.findings import Finding
from revet.core.runtime.handover import Portion
from revet.core.runtime.verdict import Verdict
from revet.operator.context import Context
from revet.operator.credentials import Credentials
from revet.operator.runtime import RuntimeWatch
from tests.support.manifests import policy

START: Final = 1_800_000_000.0


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        """Tell the time."""
        return datetime.fromtimestamp(self.at, UTC)


class Notices:
    """Keeps the Events."""

    def __init__(self) -> None:
        self.all: list[Notice] = []

    def record(self, notice: Notice) -> None:
        """Keep it."""
        self.all.append(notice)


class Scene:
    """A leader with an ingest that the test speaks for."""

    def __init__(self, context: Context) -> None:
        self.clock = Clock()
        settings = replace(context.settings, ingest_service="revet-ingest")
        self.context = replace(context, now=self.clock, settings=settings)
        self.notices = Notices()
        self.watch = self.restart()
        self.version = 0

    def restart(self) -> RuntimeWatch:
        """Begin anew, as a new leader does."""
        self.watch = RuntimeWatch(self.context, self.notices, Credentials(self.context))
        return self.watch

    def see(self, name: str = "p", generation: int = 1, uid: str = "", **fields: object) -> None:
        """Have a policy be there; its uid is its name where no other is said."""
        manifest = policy(name, {}, **{"runtime": {}, **fields})
        version = self.next()
        manifest["metadata"] |= {
            "uid": uid or name,
            "generation": generation,
            "resourceVersion": f"{version}",
        }
        before = self.context.picture.policies.get(name)
        if before is not None and before.uid == manifest["metadata"]["uid"]:
            manifest["status"] = before.manifest.get("status")
        self.context.picture.see_policy(manifest, gone=False)

    def hear(self, *findings: Finding, instance: str = "a") -> None:
        """Have the ingest answer now."""
        changed = self.watch.take(
            Portion(
                instance=instance,
                version=self.next(),
                started=START - 7200,
                findings=list(findings),
                feed=FeedReport({Source.FALCO: self.clock.at}),
            )
        )
        self.watch._answered_at = self.clock.at
        self.watch._since = START - 7200
        self.watch.decide(changed)

    def verdict(self, name: str = "p") -> Verdict:
        """Return what the status is to say."""
        found = self.watch.verdict(name, self.context.picture.policies[name].uid)
        assert found is not None
        return found

    def write(self) -> None:
        """Have the status say what it is to say."""
        told = self.verdict()
        conditions = [
            {
                "type": each.type,
                "status": each.truth,
                "reason": each.reason,
                "message": each.message,
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
            for each in (told.violations, told.feed)
        ]
        top = [json.loads(each.model_dump_json(by_alias=True)) for each in told.top]
        manifest = self.context.picture.policies["p"].manifest
        manifest["status"] = {"conditions": conditions, "runtimeFindings": top}
        self.see()

    def next(self) -> int:
        """Return a version that nobody has had."""
        self.version += 1
        return self.version


def finding(at: float, count: int = 1, **fields: Any) -> Finding:  # noqa: ANN401 -- as Finding's
    given: dict[str, Any] = {
        "policy": "p",
        "policy_name": "p",
        "source": Source.FALCO,
        "rule": "Shell",
        "namespace": "shop",
        "kind": "Deployment",
        "workload": "web",
        "pod": "web-1",
        "pod_uid": "uid-web",
        "process": "bash -i",
        "count": count,
        "first": at,
        "last": at,
        **fields,
    }
    return Finding(**given)
