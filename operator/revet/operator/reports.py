"""Writes the reports: one of each policy in each namespace where something breaks it.

Only what has changed is written, each at most once a minute, and no more than some in a second:
there may be as many as namespaces times policies.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from heapq import heappop, heappush
from http import HTTPStatus
from typing import Final, NamedTuple, Self

import msgspec

from revet.adapters.kube import Collection, KubeError
from revet.adapters.objects import path_of
from revet.adapters.watcher import Freshness, Watcher
from revet.core.ledger import Ledger
from revet.core.model.meta import MANAGED_SELECTOR, POLICY_ANNOTATION
from revet.core.render.report import (
    DIGEST_ANNOTATION,
    FORMS,
    Form,
    render_report,
    report_name,
)
from revet.operator.context import Context
from revet.operator.writer import is_gone

_SETTLE_S: Final = 2.0
_APART_S: Final = 60.0  # between two writes of the same one
_LANES: Final = 4
_PACE_S: Final = 0.2  # of each lane: twenty writes a second
_SERVED_S: Final = 600.0
#: How the API server says that it does not know a path, not that an object is missing.
_NOT_SERVED: Final = "the server could not find the requested resource"

#: A policy and a namespace.
_Place = tuple[str, str]


class _Standing(NamedTuple):
    """A report as it stands: whose content it has, and who owns it."""

    uid: str
    digest: str
    generation: int
    owners: frozenset[str]

    @classmethod
    def of(cls, metadata: "_Metadata") -> Self:
        """Read it."""
        said = (metadata.annotations or {}).get(DIGEST_ANNOTATION, "")
        owners = frozenset(each.uid for each in metadata.owner_references or ())
        return cls(metadata.uid, said, metadata.generation, owners)


class _Reference(msgspec.Struct):
    uid: str = ""


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    annotations: dict[str, str] | None = None
    owner_references: list[_Reference] | None = None


class _Object(msgspec.Struct):
    metadata: _Metadata


class Reports:
    """Keeps the reports, in the first form that the API server knows."""

    def __init__(self, context: Context, ledger: Ledger) -> None:
        """Write nothing until it is opened; what was found stands in the ledger."""
        self._context = context
        self._ledger = ledger
        self._clock = asyncio.get_running_loop().time
        self._opened = asyncio.Event()
        self._news = asyncio.Event()
        self._due: dict[_Place, float] = {}
        self._order: list[tuple[float, _Place]] = []
        self._written_at: dict[_Place, float] = {}
        self._standing: dict[_Place, _Standing] = {}
        #: What is being written: of that an event may tell before the answer does.
        self._writing: set[_Place] = set()
        self.form: Form | None = None

    def open(self) -> None:
        """Begin to write: what was found is whole."""
        self._opened.set()

    def mark(self, policy: str, namespace: str) -> None:
        """Have a report looked at again, soon, but not too soon after it was written."""
        if not namespace:
            return  # what is in no namespace is told in the status alone
        place = (policy, namespace)
        if place in self._due:
            return
        now = self._clock()
        due = max(now + _SETTLE_S, self._written_at.get(place, float("-inf")) + _APART_S)
        self._due[place] = due
        heappush(self._order, (due, place))
        self._news.set()

    async def run(self) -> None:
        """Write what is due, until cancelled."""
        while True:
            self.form = await self._find_form()
            self._context.metrics.audit.reports_served.set(int(self.form is not None))
            if self.form is None:
                await asyncio.sleep(_SERVED_S)
                continue
            with suppress(_NotServedError):
                await self._keep(self.form)

    async def _find_form(self) -> Form | None:
        """Return the first API of reports that is served; None: there is none."""
        for form in FORMS:
            try:
                await self._context.kube.request("GET", f"/apis/{form.api_version}")
            except KubeError as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    self._context.log.complain(str(error))
            else:
                return form
        return None

    async def _keep(self, form: Form) -> None:
        freshness = Freshness(self._clock)
        collection = Collection(path_of(form.kind), metadata_only=True, selector=MANAGED_SELECTOR)
        watcher = Watcher(
            self._context.kube,
            collection,
            _Copy(self),
            freshness,
            self._context.log.complain,
            refused_s=_SERVED_S,
        )
        self._standing = {}
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(watcher.run())
                for _ in range(_LANES):
                    tasks.create_task(self._work(form, freshness))
        except* _NotServedError as errors:
            raise _NotServedError from errors

    async def _work(self, form: Form, freshness: Freshness) -> None:
        await self._opened.wait()
        while not freshness.is_synced:  # noqa: ASYNC110 -- a watch tells nobody but its copy
            await asyncio.sleep(_PACE_S)
        while True:
            place = await self._next()
            try:
                written = await self._write(form, place)
            except KubeError as error:
                if _NOT_SERVED in str(error):
                    raise _NotServedError from error
                self._note_failure(place, error)
            except Exception as error:  # noqa: BLE001 -- one odd report must not end all of them
                self._context.log.fail(error, about="report", name="/".join(place))
            else:
                await asyncio.sleep(_PACE_S if written else 0)

    async def _next(self) -> _Place:
        """Wait for a report that is due, and take it."""
        while True:
            wait_s = self._order[0][0] - self._clock() if self._order else None
            if wait_s is not None and wait_s <= 0:
                _, place = heappop(self._order)
                del self._due[place]
                return place
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._news.wait()

    def _note_failure(self, place: _Place, error: KubeError) -> None:
        if is_gone(error):
            return
        self._context.log.complain(f"report of {place[0]} in {place[1]}: {error}")
        self._written_at[place] = self._clock()
        self.mark(*place)

    async def _write(self, form: Form, place: _Place) -> bool:
        """See that a report says what was found; tell whether that took a write."""
        policy, namespace = place
        seen = self._context.picture.policies.get(policy)
        home = self._context.picture.namespaces.get(namespace)
        if seen is None or seen.policy is None or home is None or home.is_terminating:
            return False  # it goes with its policy, or with its namespace
        records = self._ledger.records(policy, namespace)
        desired = render_report(form, seen.policy, namespace, records)
        standing = self._standing.get(place)
        is_ours = standing is not None and seen.uid in standing.owners
        if desired is None:
            return is_ours and await self._delete(form, place)
        said = desired["metadata"]["annotations"][DIGEST_ANNOTATION]
        if standing is not None and is_ours and standing.digest == said:
            return False
        self._written_at[place] = self._clock()
        self._writing.add(place)
        try:
            applied = await self._context.objects.apply(desired)
        finally:
            self._writing.discard(place)
        self._standing[place] = _Standing.of(msgspec.convert(applied["metadata"], _Metadata))
        return True

    async def _delete(self, form: Form, place: _Place) -> bool:
        standing = self._standing.pop(place)
        metadata = {"name": report_name(place[0]), "namespace": place[1], "uid": standing.uid}
        self._written_at[place] = self._clock()
        await self._context.objects.delete({"kind": form.kind, "metadata": metadata})
        return True

    def see(self, metadata: _Metadata) -> None:
        """Take in a report that came or changed; what others write in it is written over."""
        place = _place(metadata)
        if place is None:
            return
        known, now = self._standing.get(place), _Standing.of(metadata)
        if place in self._writing or (known is not None and now.generation <= known.generation):
            return
        if known is not None and known.uid == now.uid:
            now = now._replace(digest="")
            self.mark(*place)
        self._standing[place] = now

    def miss(self, metadata: _Metadata) -> None:
        """Take in that a report went; what it told may still be so."""
        place = _place(metadata)
        known = self._standing.get(place) if place else None
        if place is not None and known is not None and known.uid == metadata.uid:
            del self._standing[place]
            self.mark(*place)

    def see_all(self, several: Sequence[_Metadata]) -> None:
        """Take these reports for all there are."""
        found = {place: each for each in several if (place := _place(each)) is not None}
        self._standing = {place: _Standing.of(each) for place, each in found.items()}
        for place in {*found, *self._due}:
            self.mark(*place)


class _NotServedError(Exception):
    """The API that reports were written in is served no more."""


class _Copy:
    """What the watch of the reports feeds."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    def replace(self, objects: Sequence[bytes]) -> None:
        """Take these objects for all there are."""
        self._reports.see_all([_read(data) for data in objects])

    def put(self, data: bytes) -> None:
        """Take an object that is new or has changed."""
        self._reports.see(_read(data))

    def drop(self, data: bytes) -> None:
        """Forget an object that was deleted."""
        self._reports.miss(_read(data))


def _read(data: bytes) -> _Metadata:
    return msgspec.json.decode(data, type=_Object).metadata


def _place(metadata: _Metadata) -> _Place | None:
    """Return whose report it is; None: somebody's copy of one, or another object."""
    policy = (metadata.annotations or {}).get(POLICY_ANNOTATION)
    if policy is None or metadata.name != report_name(policy):
        return None
    return policy, metadata.namespace
