"""One function for every event: look at a key, make true what it is about, say so in the status."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from revet.adapters.kube import KubeError
from revet.core.canary import Verdict as CanaryVerdict
from revet.core.facts import Facts
from revet.core.model.mode import Mode
from revet.core.model.policy import GROUP, KIND, VERSION
from revet.core.model.policy_status import parse_status, render_status
from revet.core.runtime.verdict import Verdict
from revet.core.status import listed, policy_status
from revet.operator.audit import Audit
from revet.operator.context import Context
from revet.operator.credentials import Credentials
from revet.operator.entries import Entries
from revet.operator.furnishing import Furnishing
from revet.operator.holdings import Holdings
from revet.operator.isolation import Isolation
from revet.operator.picture import CLUSTER, Key, NamespaceSeen, PolicySeen
from revet.operator.pruning import end_isolation
from revet.operator.quarantine import say_unanswered
from revet.operator.queue import Queue

_WORKERS: Final = 16
_UNTOLD_S: Final = 5.0  # a status waits no longer for the work, however much there is
_BACKOFF_S: Final = (1.0, 2.0, 5.0, 15.0, 30.0)


class _Scope(NamedTuple):
    """A version of a policy, and the namespaces that it selects, each with its ceiling there."""

    version: tuple[str, int | None, frozenset[str]] | None
    ceilings: Mapping[str, Mode]


_NOWHERE: Final = _Scope(None, {})


class Tellers(NamedTuple):
    """What other rooms know of a policy: sensors by name and uid, the canary, keys by uid."""

    runtime: Callable[[str, str], Verdict | None] = lambda *_: None
    enforced: Callable[[str], CanaryVerdict | None] = lambda _: None
    signers: Callable[[str], str | None] = lambda _: None


NOBODY: Final = Tellers()


class Reconciler:
    """Makes true what policies ask for."""

    def __init__(
        self,
        context: Context,
        audit: Audit,
        credentials: Credentials | None = None,
        tellers: Tellers = NOBODY,
    ) -> None:
        """Set up; `tellers` say what other rooms know of a policy."""
        self._tellers = tellers
        self._context = context
        self._audit = audit
        self.entries = Entries(context, credentials)
        self.isolation = Isolation(context)
        self.holdings = Holdings(context)
        self._furnishing = Furnishing(context, self.holdings)
        self._failures: dict[Key, int] = {}
        self._problems: dict[Key, str] = {}
        self._scopes: dict[str, _Scope] = {}

    async def run(self) -> None:
        """Work on the queue until cancelled: several at a time, so that a slow one holds up few."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(_WORKERS):
                tasks.create_task(self._work(self._context.queue))
            tasks.create_task(self._work(self._context.statuses))

    async def _work(self, queue: Queue) -> None:
        while True:
            key = await queue.get()
            if key.about == "status":
                # Half-way through, a status would tell what is not true a moment later.
                await self._context.queue.rest(_UNTOLD_S)
                await self.entries.confirmations.wait_for_first_answers(_UNTOLD_S)
            try:
                await self.reconcile(key)
            finally:
                queue.done(key)
            # Where all stands, nothing above waits: the Lease and the watches must have their turn.
            await asyncio.sleep(0)

    async def reconcile(self, key: Key) -> None:
        """Look at one key; what fails is tried again, later each time."""
        started = time.perf_counter()
        problem = await self._attempt(key)
        if problem:
            self._note_failure(key, problem)
        else:
            self._failures.pop(key, None)
            self._problems.pop(key, None)
        metrics = self._context.metrics
        metrics.reconciles.labels(key.about, "failed" if problem else "ok").inc()
        metrics.reconcile_duration.labels(key.about).observe(time.perf_counter() - started)
        policies = self._context.picture.policies.values()
        valid = sum(not seen.problem for seen in policies)
        metrics.policies.labels("true").set(valid)
        metrics.policies.labels("false").set(len(policies) - valid)
        for name in self._concerned(key):
            self._context.statuses.add(Key("status", name))

    async def _attempt(self, key: Key) -> str:
        """Make true what a key is about; return what went wrong, empty where nothing did."""
        try:
            await self._make(key)
        except KubeError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 -- one odd object must not stop all the others
            self._context.log.fail(error, about=key.about, name=key.name)
            return f"an error of Revet's own, with its trace in the operator's log: {error!r}"
        return ""

    async def _make(self, key: Key) -> None:
        match key.about:
            case "cluster":
                self.holdings.review()
                await self.entries.keep()
            case "policy":
                self._note_scope(key.name)
                await self._make_policy(key.name)
            case "namespace":
                namespace = self._context.picture.namespaces.get(key.name)
                if namespace is None or namespace.is_terminating:
                    self._context.writer.forget(key.name)
                    self._context.surveyor.forget(key.name)
                await self._furnishing.keep(key.name)
            case "network":
                await self.isolation.keep_at(key.name, self._selecting(key.name))
            case "status":
                await self._write_status(key.name)

    async def _make_policy(self, name: str) -> None:
        seen = self._context.picture.policies.get(name)
        if seen is None:
            # What else it owned goes with it, by the garbage collector.
            self.isolation.forget(name)
            self._context.writer.forget_policy(name)
            await end_isolation(self._context, name)
        elif seen.is_kept:
            # What stands is told also where not all of it could be written.
            _, problems = await self.isolation.keep(name)
            if problems:
                raise KubeError(listed(problems))

    def _note_scope(self, name: str) -> None:
        """Have judged anew where a policy, or what it selects, is not what it was."""
        seen = self._context.picture.policies.get(name)
        before = self._scopes.get(name, _NOWHERE)
        after = _NOWHERE
        if seen is not None:
            # By its ceilings there a policy judges, whatever else the labels say.
            version = (seen.uid, seen.manifest["metadata"].get("generation"), seen.held)
            after = _Scope(version, dict(self._ceilings(seen)))
        if after.version != before.version:
            # What is in no namespace is selected by policies about all of them.
            self._audit.look_again({"", *before.ceilings, *after.ceilings})
        elif changed := before.ceilings.items() ^ after.ceilings.items():
            self._audit.look_again({namespace for namespace, _ in changed})
        if seen is None:
            self._scopes.pop(name, None)
        else:
            self._scopes[name] = after

    def _ceilings(self, seen: PolicySeen) -> Iterator[tuple[str, Mode]]:
        """Return the namespaces that a policy selects, each with its ceiling there."""
        for each in self._context.picture.namespaces.values():
            ceiling = self._ceiling(seen, each)
            if ceiling is not None:
                yield each.name, ceiling

    def _selected(self, name: str) -> list[NamespaceSeen]:
        """Return the namespaces that a policy selected when it was last looked at."""
        namespaces = self._context.picture.namespaces
        ceilings = self._scopes.get(name, _NOWHERE).ceilings
        return [namespaces[each] for each in ceilings if each in namespaces]

    def _selecting(self, name: str) -> list[str]:
        """Return the policies that select a namespace."""
        namespace = self._context.picture.namespaces.get(name)
        if namespace is None:
            return []
        return [
            policy
            for policy, seen in self._context.picture.policies.items()
            if self._ceiling(seen, namespace) is not None
        ]

    def _ceiling(self, seen: PolicySeen, namespace: NamespaceSeen) -> Mode | None:
        if seen.compiled is None:
            return None
        system = self._context.settings.system_namespaces
        return seen.compiled.ceiling(namespace.name, namespace.labels, system)

    def _concerned(self, key: Key) -> list[str]:
        """Return the policies whose status tells of a key."""
        policies = self._context.picture.policies
        match key.about:
            case "cluster":
                return list(policies)
            case "policy":
                return [key.name] if key.name in policies else []
            case "namespace":
                return self._selecting(key.name)
            case "network":
                # Also those that name one of its pods as an end of a connection.
                return self.isolation.asking()
            case "status":
                return []

    def _note_failure(self, key: Key, problem: str) -> None:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self._problems[key] = problem
        wait_s = _BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)]
        self._context.log.complain(f"{key.about} {key.name}: {problem}; again in {wait_s:.0f} s")
        queue = self._context.statuses if key.about == "status" else self._context.queue
        queue.add(key, wait_s)

    async def _write_status(self, name: str) -> None:
        seen = self._context.picture.policies.get(name)
        if seen is None:
            return
        old = parse_status(seen.manifest.get("status"))
        generation: int = seen.manifest["metadata"].get("generation", 0)
        valid = None if seen.problem else seen.policy
        new = policy_status(valid, generation, self._facts(seen), old, self._context.now())
        if new == old:
            return
        manifest = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": KIND,
            "metadata": {"name": name, "uid": seen.uid},
            "status": render_status(new),
        }
        applied = await self._context.objects.apply(manifest, "/status")
        self._context.metrics.status_writes.inc()
        # It may tell of an edit of the spec before its event does.
        self._context.queue.add_all(self._context.picture.see_policy(applied, gone=False))

    def _facts(self, seen: PolicySeen) -> Facts:
        namespaces = self._selected(seen.name)
        selected = [each.name for each in namespaces]
        keys = [Key("policy", seen.name), CLUSTER, *(Key("namespace", each) for each in selected)]
        drifts = [drift for key in keys for drift in self._context.writer.drifts(key)]
        tally = self._audit.tallies.get(seen.name)
        baseline = self._furnishing.of(seen.name)
        limits = self.isolation.limits(seen, namespaces)
        return Facts(
            problem=seen.problem,
            paused=seen.is_paused,
            selected=selected,
            needs_fail_entries=bool(self.entries.fail_paths(seen)),
            waiting=self.entries.waiting(seen),
            errors=self._errors(seen, selected),
            isolated=self.isolation.standing(seen.name),
            network_weaker=limits.weaker,
            network_opened=limits.opened,
            network_unlisted=limits.unlisted,
            network_refused=limits.is_refused,
            not_isolated=self.isolation.spared(namespaces),
            baseline=baseline.weaker,
            labelled=baseline.standing,
            not_labelled=baseline.spared,
            respected=baseline.notes,
            conflicts=baseline.conflicts,
            drifts=[drift.text for drift in drifts],
            contested=any(drift.contested for drift in drifts),
            left=any(drift.left for drift in drifts),
            counts=tally.counts(len(selected)) if tally else None,
            top=tally.top() if tally else (),
            runtime=self._tellers.runtime(seen.name, seen.uid),
            enforced=self._tellers.enforced(seen.name),
            signers=self._tellers.signers(seen.uid),
            images=self._audit.images_told(seen.name),
        )

    def _errors(self, seen: PolicySeen, selected: list[str]) -> list[str]:
        keys = [CLUSTER, Key("policy", seen.name)]
        keys += (Key(about, each) for about in ("namespace", "network") for each in selected)
        problems = [self._problems[key] for key in keys if key in self._problems]
        unanswered = say_unanswered(seen.policy, self._context.settings)
        return [*problems, *self.entries.left_out(seen), *unanswered]
