"""`revet check`: reads manifests, judges them by policies, and says what it found.

The order of steps only; each step has a module of its own.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from pydantic import ValidationError

from revet.cli.check.beside import gather
from revet.cli.check.judge import Judge, Judged
from revet.cli.check.policies import Policies, is_policy, read_policies
from revet.cli.check.progress import track
from revet.cli.check.report import NotChecked, Problem, Report, count_noun
from revet.cli.check.scope import Namespaces, Scopes
from revet.cli.load import (
    STDIN_NAME,
    Chart,
    Document,
    File,
    Found,
    InputProblem,
    Kustomization,
    Loaded,
    Renderers,
    Skipped,
    find_inputs,
    find_renderers,
    read_input,
)
from revet.core.errors import Error
from revet.core.model.policy import KIND, Profile
from revet.core.model.selector import Labels, LabelSelector

_LIMITS: Final = "LimitRange"
_LIMITS_NOTE: Final = (
    "A LimitRange is among the input: its defaults are not filled into containers, as the cluster "
    "would do it on Pods."
)


class LabelsError(Error):
    """Labels on the command line can't be read."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be checked, by what, and what is known beside it.

    Attributes:
        paths: files, folders, or `-`.
        policies: files of policies, or names of profiles; empty: those among the input, or else
            the profile `restricted`.
        values: Helm's values files.
        namespace: where an object is that names no namespace, if that is known.
        namespace_labels: the labels of namespaces that are not among the input, if known.

    """

    paths: tuple[str, ...]
    policies: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    namespace: str | None = None
    namespace_labels: Labels | None = None


def check(
    question: Question,
    watch: Callable[[Judged], None] | None = None,
    stdin: BinaryIO | None = None,
) -> Report:
    """Answer the question; `watch` is told of each pod that was judged."""
    pile = _read(question, sys.stdin.buffer if stdin is None else stdin)
    policies, notes = _choose(question, pile)
    namespaces = Namespaces(question.namespace_labels)
    known = sum(_learn(namespaces, each.value) for each in pile.documents)
    if known:
        notes.append(f"The labels of {count_noun(known, 'Namespace')} of the input were used.")
    if any(each.value["kind"] == _LIMITS for each in pile.documents):
        notes.append(_LIMITS_NOTE)
    scopes = Scopes(tuple(policies.selecting), namespaces, bool(policies.problems))
    around = gather(pile.documents, question.namespace)
    judge = Judge(scopes, question.namespace, watch, around)
    for document in track(pile.documents, "Judging", len(pile.documents)):
        judge.add(document)
    problems = (*pile.problems, *policies.problems)
    return judge.report(policies.used, pile.skipped, problems, notes)


def _read(question: Question, stdin: BinaryIO) -> "_Pile":
    pile = _Pile()
    renderers = find_renderers(question.values)
    inputs = find_inputs(question.paths)
    for each in track(inputs, "Reading", len(inputs)):
        found = 0
        for found, loaded in enumerate(read_input(each, renderers, stdin), start=1):  # noqa: B007
            pile.take(loaded, undecided=_needs_program(each, renderers))
        if not found and isinstance(each, Chart | File | Kustomization):
            pile.empty.append(each.name)
    pile.tell_empty(inputs)
    return pile


def _needs_program(found: Found, renderers: Renderers) -> bool:
    """Return whether an input can't be read for want of a program."""
    needed = {Chart: renderers.helm, Kustomization: renderers.kustomize}
    return needed.get(type(found), ()) is None


class _Pile:
    """What was read, sorted."""

    def __init__(self) -> None:
        self.documents: list[Document] = []
        self.policies: list[Document] = []
        self.problems: list[Problem] = []
        self.skipped: list[NotChecked] = []
        self.empty: list[str] = []

    def take(self, loaded: Loaded, *, undecided: bool) -> None:
        """Put it where it belongs."""
        match loaded:
            case Document():
                (self.policies if is_policy(loaded) else self.documents).append(loaded)
            case InputProblem(file, line, message):
                self.problems.append(Problem(file, line, message))
            case Skipped(file, reason):
                undecided = undecided or loaded.undecided
                self.skipped.append(NotChecked(file, reason, undecided=undecided))

    def tell_empty(self, inputs: Sequence[Found]) -> None:
        """Say which files hold nothing. It is no pass where all do, nor where stdin does."""
        is_all = len(inputs) == len(self.empty) and not self.documents
        for name in self.empty:
            undecided = is_all or name == STDIN_NAME
            self.skipped.append(NotChecked(name, "holds nothing to check", undecided=undecided))


def _choose(question: Question, pile: _Pile) -> tuple[Policies, list[str]]:
    """Return the policies to judge by, and what is to be said of that."""
    policies = Policies()
    notes: list[str] = []
    if question.policies:
        for text in question.policies:
            read_policies(text, policies)
        if pile.policies:
            number = count_noun(len(pile.policies), KIND)
            notes.append(f"-p says which policies judge: {number} of the input not used.")
    elif pile.policies:
        for document in pile.policies:
            policies.add(document)
        notes.append("The policies are those of the input; -p names others.")
    else:
        policies.add_profile(Profile.RESTRICTED)
        notes.append("No policy was given: that of the profile restricted is built in; see -p.")
    return policies, [*notes, *policies.list_ceilings()]


def _learn(namespaces: Namespaces, value: dict[str, Any]) -> bool:
    """Take the labels of a Namespace; return whether it was one."""
    if (value.get("apiVersion"), value.get("kind")) != ("v1", "Namespace"):
        return False
    metadata = value.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    name, labels = metadata.get("name"), metadata.get("labels") or {}
    if not isinstance(name, str) or not isinstance(labels, dict):
        return False
    # A label whose value was forgotten is there, and empty, as the API server has it.
    texts = {key: "" if text is None else text for key, text in labels.items()}
    namespaces.add(name, {key: text for key, text in texts.items() if isinstance(text, str)})
    return True


def _word(place: tuple[int | str, ...], message: str) -> str:
    return ": ".join((*map(str, place), message))


def parse_labels(text: str | None) -> Labels | None:
    """Read `key=value,key=value`; empty text says that there are no labels.

    Raises:
        LabelsError: it is not written so.

    """
    if text is None:
        return None
    pairs = [pair.partition("=") for pair in text.split(",") if pair]
    for key, sign, _ in pairs:
        if not (key and sign):
            raise LabelsError(f"--namespace-labels: {key or sign!r} must be KEY=VALUE")
    labels = {key: value for key, _, value in pairs}
    try:
        # Whatever no Namespace can have is a slip of the pen.
        LabelSelector(match_labels=labels)
    except ValidationError as error:
        wrong = "; ".join(_word(each["loc"][1:], each["msg"]) for each in error.errors())
        raise LabelsError(f"--namespace-labels: {wrong}") from error
    return labels
