"""Which policies select an object, as far as the labels of its namespace are known.

Apart, since only the command line has to say "not known": a webhook's call proves its namespace.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from revet.core.compiled_policy import Applied, CompiledPolicy
from revet.core.entry import NAME_LABEL
from revet.core.model.mode import Mode
from revet.core.model.selector import Labels, LabelSelector, compile_selector
from revet.core.render.webhook import SYSTEM_NAMESPACES

#: Revet's own is outside of every policy, too.
SYSTEM: Final = frozenset((*SYSTEM_NAMESPACES, "revet-system"))


@dataclass(frozen=True, slots=True)
class SelectingPolicy:
    """A policy, and which namespaces it selects."""

    compiled: CompiledPolicy
    selector: LabelSelector


@dataclass(frozen=True, slots=True)
class KnownLabels:
    """What is known of a namespace's labels; where `complete`, a label that is not here is not."""

    labels: Labels
    complete: bool
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """Who judges the objects of a namespace, and of whom nobody can tell."""

    applied: tuple[Applied, ...] = ()
    undecided: tuple[str, ...] = ()
    doubtful: bool = False


@dataclass(slots=True)
class Namespaces:
    """The labels of the namespaces, from the input; `others` are those of all that are not there.

    Where `others` is None, nothing is known of them but their names.
    """

    others: Labels | None = None
    _known: dict[str, KnownLabels] = field(default_factory=dict)

    def add(self, name: str, labels: Labels) -> None:
        """Take the labels of a namespace. Where two files differ, only what both say is known."""
        known = self._known.get(name)
        if known is None or known.labels == labels:
            self._known[name] = known or KnownLabels(labels, complete=True)
            return
        both = {key: value for key, value in labels.items() if known.labels.get(key) == value}
        self._known[name] = KnownLabels(both, complete=False, doubtful=True)

    def labels(self, name: str) -> KnownLabels:
        """Return what is known of a namespace's labels; the server writes its name there."""
        known = self._known.get(name)
        if known is None:
            known = KnownLabels(self.others or {}, complete=self.others is not None)
        return KnownLabels({**known.labels, NAME_LABEL: name}, known.complete, known.doubtful)


@dataclass(slots=True)
class Scopes:
    """The scope of each namespace, worked out once."""

    policies: tuple[SelectingPolicy, ...]
    namespaces: Namespaces
    #: Some policy could not be read: it may select anything.
    misses_policies: bool = False
    _scopes: dict[str, Scope] = field(default_factory=dict)

    def of(self, namespace: str) -> Scope:
        """Return who judges in a namespace; `""` stands for what is in none."""
        scope = self._scopes.get(namespace)
        if scope is None:
            scope = self._scopes[namespace] = self._find(namespace) if namespace else self._all()
        return scope

    def _all(self) -> Scope:
        """Return who judges cluster-scoped objects: the policies that select every namespace."""
        everywhere = (each for each in self.policies if each.compiled.is_for_all)
        return Scope(_apply(everywhere))

    def _find(self, namespace: str) -> Scope:
        known = self.namespaces.labels(namespace)
        answers = [(each, _selects(each, namespace, known)) for each in self.policies]
        return Scope(
            _apply(each for each, answer in answers if answer),
            tuple(each.compiled.name for each, answer in answers if answer is None),
            known.doubtful,
        )


def _apply(policies: Iterable[SelectingPolicy]) -> tuple[Applied, ...]:
    """Apply the policies as they would be under Enforce: what is shown comes before the ceiling."""
    return tuple(Applied(each.compiled, Mode.ENFORCE, ()) for each in policies)


def _selects(policy: SelectingPolicy, namespace: str, known: KnownLabels) -> bool | None:
    if namespace in SYSTEM and namespace not in policy.compiled.named:
        return False
    return match(policy.selector, known)


def match(selector: LabelSelector, known: KnownLabels) -> bool | None:
    """Return whether the labels match; None: a label that is not known decides."""

    def is_known(key: str) -> bool:
        return known.complete or key in known.labels

    labels: Mapping[str, str] = selector.match_labels
    expressions = selector.match_expressions
    decided = LabelSelector.model_construct(
        match_labels={key: value for key, value in labels.items() if is_known(key)},
        match_expressions=tuple(each for each in expressions if is_known(each.key)),
    )
    if not compile_selector(decided)(known.labels):
        return False
    return True if decided == selector else None
