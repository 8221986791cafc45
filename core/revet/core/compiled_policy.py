"""Policies made ready to judge: compiled when they change, so that a review only looks up."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Self

from revet.core.check import Check, CheckItem
from revet.core.checks import ALL
from revet.core.engine import ActiveCheck, Change, select_profile
from revet.core.entry import Entry, entries, is_for_all, named_namespaces, scopes
from revet.core.kinds import PODS
from revet.core.model.image_facts import Demand, RegistryAccess
from revet.core.model.mode import Mode
from revet.core.model.policy import HardeningPolicy, HardeningPolicySpec
from revet.core.model.policy_images import Digest, Images, OnUnknown
from revet.core.model.policy_runtime import Action, NewPods
from revet.core.model.policy_status import HeldImage
from revet.core.model.selector import Labels, compile_selector
from revet.core.model.version import KubeVersion

_ON_UNKNOWN: Final = {
    OnUnknown.DENY: Mode.ENFORCE,
    OnUnknown.WARN: Mode.WARN,
    OnUnknown.AUDIT: Mode.AUDIT,
}
_NEW_PODS: Final = {NewPods.WARN: Mode.WARN, NewPods.DENY: Mode.ENFORCE}
#: The control that is about new pods alone, and never about the system's.
HELD: Final = "image-held"


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """A HardeningPolicy as reviews use it.

    Attributes:
        name: the policy's.
        uid: its own: another policy of the same name has another.
        generation: metadata.generation that this was made from.
        profile: the profile's name, for messages.
        checks: what it runs, in the order of the catalog.
        pod_checks: those of them that judge pods.
        item_checks: the rules for other objects, by kind.
        standing_checks: the rules of those controls that judge what stands and never a request.
        modes: the mode of each check, by id.
        template_modes: the same for workloads' templates, under the policy's own ceiling for them.
        selects_pod: whether a pod's labels are selected.
        scopes: (labels match, ceiling): the policy's own namespaces first, then its overrides.
        entries: the calls it needs.
        named: the namespaces that its selector names one by one.
        is_for_all: whether it is about all namespaces, and so about what is in none.
        pins: whom to ask for the digests that tags stand for; None: tags stay.
        demand: what is asked of the signatures of images; None: nothing.
        on_unknown: the most that an image leads to whose registry gave no answer.

    """

    name: str
    uid: str
    generation: int
    profile: str
    checks: tuple[ActiveCheck, ...]
    pod_checks: tuple[ActiveCheck, ...]
    item_checks: Mapping[str, tuple[CheckItem, ...]]
    standing_checks: Mapping[str, tuple[CheckItem, ...]]
    modes: Mapping[str, Mode]
    template_modes: Mapping[str, Mode]
    selects_pod: Callable[[Labels], bool]
    scopes: tuple[tuple[Callable[[Labels], bool], Mode], ...]
    entries: tuple[tuple[Callable[[Labels], bool], Entry], ...]
    named: frozenset[str]
    is_for_all: bool
    pins: RegistryAccess | None
    demand: Demand | None
    on_unknown: Mode

    @classmethod
    def of(cls, policy: HardeningPolicy, catalog: Sequence[Check] = ALL) -> Self:
        """Compile a policy, with the controls that there are."""
        spec = policy.spec
        checks = tuple(
            select_profile(
                catalog,
                spec.profile,
                KubeVersion.parse(spec.standard_version),
                changes(spec, policy.status.held_images if policy.status else ()),
            )
        )
        return cls(
            name=policy.metadata.name,
            uid=policy.metadata.uid,
            generation=policy.metadata.generation,
            profile=spec.profile,
            checks=checks,
            pod_checks=tuple(check for check in checks if check.run is not None),
            item_checks=_by_kind(each for each in checks if not each.standing),
            standing_checks=_by_kind(each for each in checks if each.standing),
            modes={check.id: check.mode for check in checks},
            template_modes={
                check.id: min(check.mode, Mode.WARN if check.defaulted else spec.templates)
                for check in checks
            },
            selects_pod=compile_selector(spec.pod_selector),
            scopes=tuple((compile_selector(each), ceiling) for each, ceiling in scopes(spec)),
            entries=tuple(
                (compile_selector(each.selector), each) for each in entries(spec, checks)
            ),
            named=named_namespaces(spec.namespace_selector),
            is_for_all=is_for_all(spec.namespace_selector),
            pins=_pins(spec.images),
            demand=_demand(spec.images),
            on_unknown=_ON_UNKNOWN[spec.images.on_unknown if spec.images else OnUnknown.DENY],
        )

    @property
    def asks_registries(self) -> bool:
        """Whether anything has to be asked of registries before it can judge."""
        return self.pins is not None or self.demand is not None

    @property
    def judged_kinds(self) -> frozenset[str]:
        """The kinds that its controls judge, as they come or where they stand."""
        pods = PODS if self.pod_checks else frozenset[str]()
        return pods.union(self.item_checks, self.standing_checks)

    @property
    def needs(self) -> frozenset[str]:
        """The kinds of other objects that its controls ask for at admission."""
        return _needs(check for check in self.checks if not check.standing)

    @property
    def refusing_needs(self) -> frozenset[str]:
        """Those of them without which a control in Enforce would refuse as unknown."""
        return _needs(
            check for check in self.checks if not check.standing and check.mode is Mode.ENFORCE
        )

    @property
    def all_needs(self) -> frozenset[str]:
        """The kinds of other objects that any of its controls asks for."""
        return _needs(self.checks)

    def ceiling(self, namespace: str, labels: Labels, system: frozenset[str]) -> Mode | None:
        """Return the ceiling in a namespace, or None where the policy does not select it.

        System namespaces are outside every policy that does not name them, and never refused. What
        is in no namespace (its name is empty) is selected by policies about all of them.
        """
        if not namespace:
            return self.scopes[0][1] if self.is_for_all else None
        ceilings = [ceiling for matches, ceiling in self.scopes if matches(labels)]
        # An override alone never selects: its scope lies within the first.
        if not ceilings:
            return None
        if namespace in system:
            return min(max(ceilings), Mode.WARN) if namespace in self.named else None
        return max(ceilings)


def changes(spec: HardeningPolicySpec, listed: tuple[HeldImage, ...] = ()) -> dict[str, Change]:
    """Return what a policy changes of its profile, by the control's id.

    `listed` is its watch list of images, with those that were released.
    """
    changed = {each.id: Change(each.mode, each.patch, each.settings) for each in spec.controls}
    images = spec.images
    if images is not None and images.registries:
        known = changed.get("image-registry", Change())
        settings = replace(known.settings, registries=images.registries)
        changed["image-registry"] = known._replace(settings=settings)
    if images is not None and images.digest is not Digest.DISABLED:
        known = changed.get("image-digest", Change())
        changed["image-digest"] = Change(
            mode=known.mode or Mode.ENFORCE,
            patch=images.digest is Digest.PIN,
            settings=replace(known.settings, pins=_pins(images)),
        )
    if images is not None and images.verify:
        known = changed.get("image-signature", Change())
        settings = replace(known.settings, demand=_demand(images), pins=_pins(images))
        changed["image-signature"] = Change(known.mode or Mode.ENFORCE, settings=settings)
    holding = spec.runtime.response(Action.HOLD_IMAGE) if spec.runtime is not None else None
    if holding is not None:
        known = changed.get(HELD, Change())
        held = tuple(each for each in listed if each.released is None)
        settings = replace(known.settings, held=held, pins=_pins(images))
        changed[HELD] = Change(known.mode or _NEW_PODS[holding.new_pods], settings=settings)
    return changed


def _pins(images: Images | None) -> RegistryAccess | None:
    is_pinning = images is not None and images.digest is Digest.PIN
    return RegistryAccess.of(images) if images is not None and is_pinning else None


def _demand(images: Images | None) -> Demand | None:
    return Demand.of(images) if images is not None and images.verify else None


def _needs(checks: Iterable[ActiveCheck]) -> frozenset[str]:
    return frozenset(kind for check in checks for kind in check.needs)


def _by_kind(checks: Iterable[ActiveCheck]) -> dict[str, tuple[CheckItem, ...]]:
    rules: dict[str, tuple[CheckItem, ...]] = {}
    for check in checks:
        for kind, rule in check.items:
            rules[kind] = (*rules.get(kind, ()), rule)
    return rules


@dataclass(frozen=True, slots=True)
class Applied:
    """A policy where it applies: its ceiling there, and the entries that it is called by.

    Several entries may be called for one object, and each call judges by all policies. Findings are
    counted by one of them: the Fail one where there is one.
    """

    policy: CompiledPolicy
    ceiling: Mode
    called_by: tuple[Entry, ...]
    is_system: bool = False
    _counters: dict[str, str | None] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def counted_by(self, kind: str) -> str | None:
        """Return the path of the entry that counts the findings on objects of a kind."""
        # Asked for each finding, of a value that is made once and kept.
        if kind not in self._counters:
            callers = [entry for entry in self.called_by if kind in entry.kinds]
            ranks = ((not entry.fail, entry.path) for entry in callers)
            self._counters[kind] = min(ranks, default=(True, None))[1]
        return self._counters[kind]


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
            if entry.path == path and namespace:
                # What goes by an Ignore entry can't be refused, whatever the policy says.
                proven = Mode.ENFORCE if entry.fail else min(policy.scopes[0][1], Mode.WARN)
                ceiling = max(ceiling or proven, proven)
        if ceiling is not None:
            called = tuple(
                entry
                for matches, entry in policy.entries
                if entry.path == path or (entry.reaches(is_system=is_system) and matches(labels))
            )
            applied.append(Applied(policy, ceiling, called, is_system))
    return tuple(applied)
