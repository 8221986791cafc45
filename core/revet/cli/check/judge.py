"""Judges documents by policies as admission would: the same decision, before any ceiling.

What the policies' patches would mend of a Pod is told apart: the cluster would not refuse it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import msgspec

from revet.cli.check.complaint import ENCODING_ERRORS, complain
from revet.cli.check.findings import find, weigh
from revet.cli.check.pod_fields import tell_unknown
from revet.cli.check.report import (
    NotChecked,
    NotServed,
    Problem,
    Report,
    ReportedFinding,
    ReportedObject,
    UsedPolicy,
    title,
)
from revet.cli.check.scope import Scope, Scopes
from revet.cli.check.versions import Api, resolve
from revet.cli.load import Document
from revet.core.admission import read_object
from revet.core.check import NOT_CHECKED
from revet.core.compiled_policy import Applied
from revet.core.decide import Verdict
from revet.core.defaulting import set_defaults
from revet.core.errors import ManifestError, describe
from revet.core.item import Item
from revet.core.surroundings import UNSEEN, Surroundings
from revet.core.workload import Subject

_NAMESPACE: Final = "Namespace"
_DEFAULT: Final = "default"
_RENDERED: Final = frozenset({"helm", "kustomize"})
_OWNED: Final = "of controllers, which are judged themselves, as their pods are"
_OUTSIDE: Final = "outside of namespaces, which only policies that select every namespace judge"

_Findings: TypeAlias = tuple[ReportedFinding, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """An object with a pod that was judged: its JSON with defaults, by whom, and the outcome."""

    document: Document
    subject: Subject
    data: bytes
    applied: Sequence[Applied]
    reported: ReportedObject


@dataclass(slots=True)
class Judge:
    """Judges one document after the other, and remembers what is to be told.

    `namespace` is where an object is put that names none; without it that is `default`, as kubectl
    has it, but no control is told so: nobody said that it would go there. `watch` is told of pods.
    """

    scopes: Scopes
    namespace: str | None
    watch: Callable[[Judged], None] | None = None
    around: Surroundings = UNSEEN
    _objects: list[ReportedObject] = field(default_factory=list)
    _problems: list[Problem] = field(default_factory=list)
    _not_served: list[NotServed] = field(default_factory=list)
    _unjudged: dict[str, Counter[str]] = field(default_factory=dict)
    _left_out: Counter[tuple[str, str, bool]] = field(default_factory=Counter)
    _alike: dict[_Findings, _Findings] = field(default_factory=dict)

    def add(self, document: Document) -> None:
        """Judge a document."""
        api_version, kind = str(document.value["apiVersion"]), str(document.value["kind"])
        api = resolve(api_version, kind)
        if api is None:
            self._unjudged.setdefault(document.source.file, Counter())[kind] += 1
            return
        try:
            self._judge(document, api)
        except ManifestError as error:
            self._problems.append(complain(document, str(error)))
        except ENCODING_ERRORS as error:
            self._problems.append(complain(document, f"{kind}: can't be sent as JSON: {error}"))
        except Exception as error:  # noqa: BLE001 -- a mistake of ours must not hide the others
            self._problems.append(complain(document, f"{kind}: can't be judged: {describe(error)}"))

    def report(
        self,
        policies: Iterable[UsedPolicy],
        skipped: Iterable[NotChecked] = (),
        problems: Iterable[Problem] = (),
        notes: Iterable[str] = (),
    ) -> Report:
        """Return what there is to tell, with what is known from before."""
        left_out = [
            NotChecked(file, reason, number, undecided)
            for (file, reason, undecided), number in self._left_out.items()
        ]
        return Report(
            objects=tuple(self._objects),
            policies=tuple(policies),
            left_out=(*skipped, *left_out),
            unjudged=self._unjudged,
            problems=(*problems, *self._problems),
            not_served=tuple(self._not_served),
            notes=tuple(notes),
        )

    def _judge(self, document: Document, api: Api) -> None:
        data, subject = _read(_spoken(document), api, self.namespace)
        namespace = ""
        if api.kind.is_namespaced:
            namespace = subject.metadata.namespace or self.namespace or _DEFAULT
        self._warn(document, subject, namespace, api.complaint)
        # A Namespace is judged by whoever selects it.
        home = _name(subject) if subject.kind == _NAMESPACE else namespace
        scope = self.scopes.of(home)
        if scope.undecided:
            self._leave_out(document, _undecided(document, home, scope), undecided=True)
        reason = self._reason_to_leave(subject, home, scope)
        if reason:
            # Where a policy may or may not select, that has been said.
            if scope.applied or not scope.undecided:
                self._leave_out(document, reason, undecided=self._may_be_selected(scope))
            return
        is_live = document.is_live
        weighed = list(weigh(subject, data, scope.applied, self.around, is_live=is_live))
        for text in dict.fromkeys(_need(verdict) for verdict, _ in weighed if verdict.is_unknown):
            # What could be read of a cluster was: there is no other input to give.
            self._leave_out(document, text, undecided=document.is_live)
        known = [each for each in weighed if not each[0].is_unknown]
        findings = tuple(find(document, subject, known))
        if document.is_live:
            # In a cluster most say the same as their neighbours: one of each is kept.
            findings = self._alike.setdefault(findings, findings)
        reported = ReportedObject(
            file=document.source.file,
            rendered=document.source.origin in _RENDERED,
            api_version=str(document.value["apiVersion"]),
            kind=subject.kind,
            namespace=namespace,
            name=_name(subject),
            findings=findings,
            owner=_owner(subject) if document.is_live else "",
        )
        self._objects.append(reported)
        if self.watch is not None and isinstance(subject, Subject):
            self.watch(Judged(document, subject, data, scope.applied, reported))

    def _reason_to_leave(self, subject: Subject | Item[Any], namespace: str, scope: Scope) -> str:
        """Say why an object is not judged; empty if it is."""
        if not scope.applied:
            return self._unselected(namespace)
        if isinstance(subject, Item):
            return ""
        if subject.metadata.controller is not None and not subject.is_pod:
            return _OWNED
        labels = subject.pod().labels
        if not any(each.policy.selects_pod(labels) for each in scope.applied):
            return f"whose pods no podSelector selects ({_names(scope.applied)})"
        return ""

    def _may_be_selected(self, scope: Scope) -> bool:
        """Say whether a policy that could not be read may select what no other one does."""
        return self.scopes.misses_policies and not scope.applied

    def _unselected(self, namespace: str) -> str:
        if self.scopes.misses_policies and not self.scopes.policies:
            return "that nobody can judge: no policy could be read"
        which = "policy that could be read" if self.scopes.misses_policies else "policy"
        return f"in Namespace {namespace}, which no {which} selects" if namespace else _OUTSIDE

    def _leave_out(self, document: Document, reason: str, *, undecided: bool = False) -> None:
        self._left_out[document.source.file, reason, undecided] += 1

    def _warn(
        self, document: Document, subject: Subject | Item[Any], namespace: str, complaint: str
    ) -> None:
        """Tell what the API server would drop, or not take at all."""
        if isinstance(subject, Subject) and not document.is_live:
            for reason in tell_unknown(document, subject.prefix):
                self._leave_out(document, reason)
        if not complaint:
            return
        self._not_served.append(
            NotServed(
                document.source.file,
                document.locate("/apiVersion").line,
                title(subject.kind, namespace, _name(subject)),
                str(document.value["apiVersion"]),
                complaint,
            )
        )


def _spoken(document: Document) -> dict[str, Any]:
    """Return what people say of an object: a status is for the cluster to write."""
    if document.is_live:
        return document.value
    return {key: value for key, value in document.value.items() if key != "status"}


def _read(
    value: dict[str, Any], api: Api, namespace: str | None
) -> tuple[bytes, Subject | Item[Any]]:
    """Read an object as the API server would hand it on, its defaults filled in."""
    data = msgspec.json.encode(value)
    subject = read_object(api.kind.group, api.kind.name, data)
    # A copy: the document is also what is mended in the file.
    filled: dict[str, Any] = msgspec.json.decode(data)
    if namespace and api.kind.is_namespaced and not subject.metadata.namespace:
        filled["metadata"] = {**(filled.get("metadata") or {}), "namespace": namespace}
    if isinstance(subject, Subject):
        set_defaults(filled, subject.prefix)
    if filled == value:
        return data, subject
    data = msgspec.json.encode(filled)
    return data, read_object(api.kind.group, api.kind.name, data)


def _undecided(document: Document, namespace: str, scope: Scope) -> str:
    if document.is_live:
        why = "they could not be read"
    else:
        number = "two that differ" if scope.doubtful else "none of that name"
        why = f"the input has {number}"
    policies = ", ".join(scope.undecided)
    return f"in Namespace {namespace}: policy {policies} needs its labels, and {why}"


def _need(verdict: Verdict) -> str:
    """Say which control could not judge, and for want of what."""
    return f"by {verdict.finding.control}: {verdict.finding.message.removeprefix(NOT_CHECKED)}"


def _owner(subject: Subject | Item[Any]) -> str:
    controller = subject.metadata.controller
    is_pod = isinstance(subject, Subject) and subject.is_pod
    return f"{controller.kind} {controller.name}" if is_pod and controller is not None else ""


def _name(subject: Subject | Item[Any]) -> str:
    metadata = subject.metadata
    return metadata.name or (metadata.generate_name or "") + "*"


def _names(applied: Sequence[Applied]) -> str:
    return ", ".join(each.policy.name for each in applied)
