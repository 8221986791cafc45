"""Policies made ready to judge: compiled when they change, so that a review only looks up."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from revet.core.checks import ALL
from revet.core.engine import ActiveCheck, select_profile
from revet.core.entry import Entry, entries, named_namespaces, scopes
from revet.core.model.mode import Mode
from revet.core.model.policy import HardeningPolicy
from revet.core.model.selector import Labels, compile_selector
from revet.core.model.version import KubeVersion


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """A HardeningPolicy as reviews use it.

    Attributes:
        name: the policy's.
        uid: its own: another policy of the same name has another.
        generation: metadata.generation that this was made from.
        profile: the profile's name, for messages.
        checks: what it runs, in the order of the catalog.
        modes: the mode of each check, by id.
        templates: the ceiling for workloads' templates.
        selects_pod: whether a pod's labels are selected.
        scopes: (labels match, ceiling): the policy's own namespaces first, then its overrides.
        entries: the calls it needs.
        named: the namespaces that its selector names one by one.

    """

    name: str
    uid: str
    generation: int
    profile: str
    checks: tuple[ActiveCheck, ...]
    modes: Mapping[str, Mode]
    templates: Mode
    selects_pod: Callable[[Labels], bool]
    scopes: tuple[tuple[Callable[[Labels], bool], Mode], ...]
    entries: tuple[tuple[Callable[[Labels], bool], Entry], ...]
    named: frozenset[str]

    @classmethod
    def of(cls, policy: HardeningPolicy) -> Self:
        """Compile a policy."""
        spec = policy.spec
        checks = tuple(
            select_profile(
                ALL,
                spec.profile,
                KubeVersion.parse(spec.standard_version),
                {control.id: (control.mode, control.patch) for control in spec.controls},
            )
        )
        return cls(
            name=policy.metadata.name,
            uid=policy.metadata.uid,
            generation=policy.metadata.generation,
            profile=spec.profile,
            checks=checks,
            modes={check.id: check.mode for check in checks},
            templates=spec.templates,
            selects_pod=compile_selector(spec.pod_selector),
            scopes=tuple((compile_selector(each), ceiling) for each, ceiling in scopes(spec)),
            entries=tuple(
                (compile_selector(each.selector), each) for each in entries(spec, checks)
            ),
            named=named_namespaces(spec.namespace_selector),
        )

    def ceiling(self, namespace: str, labels: Labels, system: frozenset[str]) -> Mode | None:
        """Return the ceiling in a namespace, or None where the policy does not select it.

        System namespaces are outside every policy that does not name them, and never refused.
        """
        ceilings = [ceiling for matches, ceiling in self.scopes if matches(labels)]
        # An override alone never selects: its scope lies within the first.
        if not ceilings:
            return None
        if namespace in system:
            return min(max(ceilings), Mode.WARN) if namespace in self.named else None
        return max(ceilings)


@dataclass(frozen=True, slots=True)
class Applied:
    """A policy where it applies: its ceiling there, and the paths of the entries that count it.

    Several entries may be called for one object, and each call judges by all policies. Findings are
    counted by one of them: the Fail one where there is one.
    """

    policy: CompiledPolicy
    ceiling: Mode
    pods_counted_by: str | None
    templates_counted_by: str | None

    def counted_by(self, *, is_pod: bool) -> str | None:
        """Return the path of the entry that counts a Pod's, or a template's, findings."""
        return self.pods_counted_by if is_pod else self.templates_counted_by


def apply(
    policies: Iterable[CompiledPolicy],
    namespace: str,
    labels: Labels,
    system: frozenset[str],
    path: str = "",
) -> tuple[Applied, ...]:
    """Return the policies that apply in a namespace, by name.

    A call of the entry at `path` proves that the API server matched that entry's selector, whatever
    `labels` we have seen last: its policies apply, under Enforce where the entry is a Fail one.
    """
    applied: list[Applied] = []
    is_system = namespace in system
    for policy in sorted(policies, key=lambda each: each.name):
        ceiling = policy.ceiling(namespace, labels, system)
        for _, entry in policy.entries:
            if entry.path == path:
                # What goes by an Ignore entry can't be refused, whatever the policy says.
                proven = Mode.ENFORCE if entry.fail else min(policy.scopes[0][1], Mode.WARN)
                ceiling = max(ceiling or proven, proven)
        if ceiling is not None:
            called = [
                entry
                for matches, entry in policy.entries
                if entry.path == path or (entry.reaches(is_system=is_system) and matches(labels))
            ]
            pods, templates = _counter(called, is_pod=True), _counter(called, is_pod=False)
            applied.append(Applied(policy, ceiling, pods, templates))
    return tuple(applied)


def _counter(called: Iterable[Entry], *, is_pod: bool) -> str | None:
    paths = ((not entry.fail, entry.path) for entry in called if entry.takes(is_pod=is_pod))
    return min(paths, default=(True, None))[1]
