"""What a check is, and what it finds: the words that checks, engine and messages share."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, TypeAlias

from revet.core.model.mode import Mode
from revet.core.model.pod import Pod
from revet.core.model.version import KubeVersion

#: A JSON value, as it stands in a patch.
Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"


class Level(Enum):
    """The level of the Pod Security Standards that a check belongs to."""

    BASELINE = "baseline"
    RESTRICTED = "restricted"


@dataclass(frozen=True, slots=True)
class Assignment:
    """Set the value at a JSON pointer (RFC 6901), making parents that are missing."""

    pointer: str
    value: Json


@dataclass(frozen=True, slots=True)
class Fix:
    """How to mend a finding: what to write, and assignments if they can't break a working pod."""

    hint: str
    assignments: tuple[Assignment, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a pod breaks: where, what stands there, and what is allowed.

    `pointer` is a JSON pointer (RFC 6901) to the offending field, present or not, relative to the
    Pod or template. `message` speaks of the field as seen from the container or the pod.
    """

    control: str
    pointer: str
    message: str
    container: str | None = None
    fix: Fix | None = None


CheckPod: TypeAlias = Callable[[Pod], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Revision:
    """A check's rule from one Kubernetes version on, until the next revision."""

    since: KubeVersion
    run: CheckPod


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


@dataclass(frozen=True, slots=True)
class Check:
    """A control that is judged from a pod alone.

    Attributes:
        id: kebab-case; never changes its meaning.
        title: a few words for tables.
        level: the Pod Security level that asks for it.
        upstream: the id of the same check in k8s.io/pod-security-admission.
        revisions: rising versions; the newest one not above the policy's version is run.
        profiles: what the profiles baseline, restricted and high do with it.
        explanation: for `revet explain` and the docs.
        overrides: ids of the checks that need not run where this one runs.
        patchable: whether its findings can carry a safe fix.

    """

    id: str
    title: str
    level: Level
    upstream: str
    revisions: tuple[Revision, ...]
    profiles: Profiles
    explanation: Explanation
    overrides: tuple[str, ...] = ()
    patchable: bool = False

    def revision(self, version: KubeVersion) -> CheckPod | None:
        """Return the rule as of `version`, or None where the check did not exist yet."""
        run = None
        for revision in self.revisions:
            if revision.since <= version:
                run = revision.run
        return run
