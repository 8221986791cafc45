"""Which policies an event concerns: by their rules, and by the pod that it is about."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, Self

from revet.core.entry import is_for_all, named_namespaces
from revet.core.model.policy import HardeningPolicy
from revet.core.model.policy_runtime import EventRule, Runtime, Severity, Source
from revet.core.model.selector import Labels, compile_selector
from revet.core.runtime.event import RANKS

#: Where a policy names no rule: whatever is bad enough.
_ANY: Final = EventRule(name="any")
_SECONDS: Final[Mapping[str, int]] = {"h": 3600, "m": 60, "s": 1}


class Sign(Protocol):
    """What rules look at: an event, or what is kept of it."""

    @property
    def source(self) -> Source:
        """The kind of sensor."""
        ...

    @property
    def rule(self) -> str:
        """The sensor's rule."""
        ...

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        ...

    @property
    def tags(self) -> tuple[str, ...]:
        """The sensor's tags."""
        ...

    @property
    def tracing_policy(self) -> str:
        """Tetragon's policy, if any."""
        ...

    @property
    def is_routine(self) -> bool:
        """Whether it only counts where a rule names it."""
        ...


def seconds(duration: str) -> float:
    """Return the seconds of a duration such as 1h30m."""
    parts: list[str] = re.findall(r"[0-9]+[hms]", duration)
    return float(sum(int(each[:-1]) * _SECONDS[each[-1]] for each in parts))


def compile_rules(runtime: Runtime) -> Callable[[Sign], bool]:
    """Make the function that tells whether one of a policy's rules fits."""
    tests = tuple(_compile(each) for each in runtime.rules or (_ANY,))
    return lambda sign: any(test(sign) for test in tests)


def wanted_sources(runtime: Runtime) -> frozenset[Source]:
    """Return the sensors that rules name; empty where any will do."""
    named = [frozenset(each.sources) for each in runtime.rules or (_ANY,)]
    return frozenset[Source]().union(*named) if all(named) else frozenset[Source]()


def _compile(rule: EventRule) -> Callable[[Sign], bool]:
    sources = frozenset(rule.sources) or frozenset(Source)
    if rule.tetragon_policies:
        sources &= {Source.TETRAGON}
    is_named = _compile_globs(rule.rule_names)
    is_traced = _compile_globs(rule.tetragon_policies)
    tags, least = frozenset(rule.tags), RANKS[rule.min_severity]

    def fits(sign: Sign) -> bool:
        return (
            sign.source in sources
            and RANKS[sign.severity] >= least
            and is_named(sign.rule)
            and (not tags or not tags.isdisjoint(sign.tags))
            and (not rule.tetragon_policies or is_traced(sign.tracing_policy))
            # What is mostly noise counts only for who asks for it.
            and (not sign.is_routine or bool(rule.rule_names or tags))
        )

    return fits


def _compile_globs(globs: Iterable[str]) -> Callable[[str], bool]:
    """Make the function that tells whether a name fits: `*` is any text, `?` any character."""
    patterns = [re.escape(each).replace(r"\*", ".*").replace(r"\?", ".") for each in globs]
    if not patterns:
        return lambda _: True
    pattern = re.compile("|".join(patterns), re.DOTALL)
    return lambda name: pattern.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class WatchingPolicy:
    """A policy with `spec.runtime`, as events are held against it.

    Attributes:
        name: the policy's.
        uid: its own: another policy of the same name has another.
        fits: whether one of its rules fits.
        clear_after_s: how long a finding counts.
        selects_pod: whether a pod's labels are selected.

    """

    name: str
    uid: str
    fits: Callable[[Sign], bool]
    clear_after_s: float
    selects_pod: Callable[[Labels], bool]
    _selects_namespace: Callable[[Labels], bool]
    _named: frozenset[str]
    _is_for_all: bool
    _is_for_all_pods: bool

    @classmethod
    def of(cls, policy: HardeningPolicy) -> Self | None:
        """Compile a policy; None where it asks for no events."""
        spec = policy.spec
        if spec.runtime is None:
            return None
        return cls(
            policy.metadata.name,
            policy.metadata.uid,
            compile_rules(spec.runtime),
            seconds(spec.runtime.clear_after),
            compile_selector(spec.pod_selector),
            compile_selector(spec.namespace_selector),
            named_namespaces(spec.namespace_selector),
            is_for_all(spec.namespace_selector),
            is_for_all(spec.pod_selector),
        )

    def selects(self, namespace: str, labels: Labels, system: frozenset[str]) -> bool:
        """Return whether it is about a namespace; what is in none has an empty one."""
        if not namespace:
            return self._is_for_all
        return self._selects_namespace(labels) and (
            namespace not in system or namespace in self._named
        )

    @property
    def takes_what_is_no_pod(self) -> bool:
        """Whether it is about more than some pods: then a Secret that is read concerns it too."""
        return self._is_for_all_pods
