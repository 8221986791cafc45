"""What a check is, and what it finds: the words that checks, engine and messages share."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, NamedTuple, Self, TypeAlias

import msgspec

from revet.core.item import Item
from revet.core.model.mode import Mode
from revet.core.model.pod import Pod
from revet.core.model.settings import DEFAULT_SETTINGS, Settings
from revet.core.model.version import KubeVersion

#: A JSON value, as it stands in a patch.
Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"


class Level(Enum):
    """The level of the Pod Security Standards that a check belongs to."""

    BASELINE = "baseline"
    RESTRICTED = "restricted"


class Outcome(Enum):
    """What a finding says: the rule is broken, or could not be judged."""

    FAIL = "fail"
    UNKNOWN = "unknown"


class Assignment(msgspec.Struct, frozen=True):
    """Set the value at a JSON pointer (RFC 6901), making parents that are missing.

    What stands there already stays, unless it is what the assignment `replaces`.
    """

    pointer: str
    value: Json
    replaces: str | None = None


class Fix(msgspec.Struct, frozen=True, gc=False):
    """How to mend a finding: what to write, and assignments if they can't break a working pod."""

    hint: str
    assignments: tuple[Assignment, ...] = ()


class Finding(msgspec.Struct, frozen=True, gc=False):
    """A rule that an object breaks, or that can't be judged: where, what stands there, what may.

    `pointer` is a JSON pointer (RFC 6901) to the offending field, present or not, relative to the
    object, or to the template in it. `message` speaks of the field as seen from the container, the
    pod or the item of a list.
    """

    control: str
    pointer: str
    message: str
    container: str | None = None
    fix: Fix | None = None
    outcome: Outcome = Outcome.FAIL

    @classmethod
    def unknown(cls, control: str, pointer: str, needs: str) -> Self:
        """Say that a rule could not be judged, for want of another object."""
        return cls(control, pointer, f"{NOT_CHECKED}needs {needs}", outcome=Outcome.UNKNOWN)


#: What the message of an unknown outcome begins with; what is needed follows.
NOT_CHECKED: Final = "not checked: "


CheckPod: TypeAlias = Callable[[Pod], Iterator[Finding]]
CheckItem: TypeAlias = Callable[[Item[Any]], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Revision:
    """A check's rule from one Kubernetes version on, until the next revision."""

    since: KubeVersion
    run: CheckPod

    def bind(self, settings: Settings) -> CheckPod:  # noqa: ARG002 -- as its twin
        """Return the rule; no setting changes it."""
        return self.run


@dataclass(frozen=True, slots=True)
class AdjustableRevision:
    """The same, where a policy's settings change the rule."""

    since: KubeVersion
    judge: Callable[[Pod, Settings], Iterator[Finding]]

    @property
    def run(self) -> CheckPod:
        """The rule with nothing set."""
        return self.bind(DEFAULT_SETTINGS)

    def bind(self, settings: Settings) -> CheckPod:
        """Return the rule under a policy's settings."""
        return lambda judged: self.judge(judged, settings)


@dataclass(frozen=True, slots=True)
class BoundRule:
    """A rule for objects under settings: two that are equal find the same."""

    judge: Callable[[Item[Any], Settings], Iterator[Finding]]
    settings: Settings

    def __call__(self, judged: Item[Any]) -> Iterator[Finding]:
        """Judge an object."""
        return self.judge(judged, self.settings)


@dataclass(frozen=True, slots=True)
class ItemRule:
    """How objects of some kinds, which hold no pod, are judged."""

    kinds: tuple[str, ...]
    judge: Callable[[Item[Any], Settings], Iterator[Finding]]

    def bind(self, settings: Settings) -> CheckItem:
        """Return the rule under a policy's settings."""
        return BoundRule(self.judge, settings)


class Default(Enum):
    """What a profile does with a control: the letters of the catalog, as (mode, patch)."""

    DISABLED = (Mode.DISABLED, False)
    AUDIT = (Mode.AUDIT, False)
    WARN = (Mode.WARN, False)
    WARN_PATCH = (Mode.WARN, True)
    ENFORCE = (Mode.ENFORCE, False)
    ENFORCE_PATCH = (Mode.ENFORCE, True)


class Profiles(NamedTuple):
    """A control's default in each profile."""

    baseline: Default
    restricted: Default
    high: Default

    def of(self, profile: str) -> Default:
        """Return the default in the profile of that name."""
        default: Default = getattr(self, profile)
        return default


@dataclass(frozen=True, slots=True)
class Explanation:
    """What people are told about a control, in plain text; `fix` is an example in YAML."""

    what: str
    why: str
    fix: str
    breaks: str


class Parameter(NamedTuple):
    """A field of `spec.controls[]` that a control reads beside its mode, and what it says there."""

    field: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Check:
    """A control: how it judges pods, and how other objects.

    Attributes:
        id: kebab-case; never changes its meaning.
        title: a few words for tables.
        tier: 1 cuts an attacker's path, 2 makes one harder, 3 is for audits.
        profiles: what the profiles baseline, restricted and high do with it.
        explanation: for `revet explain` and the docs.
        level: the Pod Security level that asks for it; None for those that none asks for.
        upstream: the id of the same check in k8s.io/pod-security-admission.
        revisions: rising versions; the newest one not above the policy's version is run on pods.
        items: how other objects are judged.
        overrides: ids of the checks that need not run where this one runs.
        patchable: whether its findings can carry a safe fix.
        parameters: what a policy may set beside the mode.
        supports: requirements of standards that it supports, as (standard, ids).
        defaulted: whether admission may still mend what a template lacks (a LimitRange, another
            webhook): it then never refuses a template.
        standing: whether it judges what stands and never a request: a namespace that is just made
            has nothing in it yet.
        needs: the kinds of other objects that it asks for.

    """

    id: str
    title: str
    tier: int
    profiles: Profiles
    explanation: Explanation
    level: Level | None = None
    upstream: str = ""
    revisions: tuple[Revision | AdjustableRevision, ...] = ()
    items: tuple[ItemRule, ...] = ()
    overrides: tuple[str, ...] = ()
    patchable: bool = False
    parameters: tuple[Parameter, ...] = ()
    supports: tuple[tuple[str, str], ...] = ()
    defaulted: bool = False
    standing: bool = False
    needs: frozenset[str] = frozenset()

    def revision(self, version: KubeVersion) -> Revision | AdjustableRevision | None:
        """Return the rule for pods as of `version`, or None where there was none yet."""
        newest = None
        for revision in self.revisions:
            if revision.since <= version:
                newest = revision
        return newest
