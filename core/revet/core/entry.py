"""Which calls of the API server a policy needs: the entries of the webhook configurations.

The renderer writes them, and the webhook knows by them what a call proves: that the API server
matched the entry's selector against the namespace as it is now.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from revet.core.engine import ActiveCheck
from revet.core.kinds import ADMITTED, BY_NAME, POD, PODS, TEMPLATES
from revet.core.model.mode import Mode
from revet.core.model.policy import HardeningPolicySpec
from revet.core.model.policy_images import Digest
from revet.core.model.policy_network import Switch
from revet.core.model.selector import LabelSelector, Operator, Requirement, canonical, join

NAME_LABEL: Final = "kubernetes.io/metadata.name"
#: 80 bits: nobody finds a second selector with the hash of one that stands, to take its place.
_HASH_LENGTH = 20
#: What is held back from a namespace that is new.
_HELD: Final = frozenset({POD})


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry for one selector: which objects go there, and whether it may refuse.

    Attributes:
        hash: of the selector's normal form, without what every entry excludes; stands in names and
            paths, since a policy's name may be longer than an entry's may be.
        selector: the policy's namespaces, or those of one of its overrides.
        fail: True: failurePolicy Fail, may refuse. False: failurePolicy Ignore, never refuses, but
            for cluster-scoped kinds while we are up.
        kinds: objects of these kinds go there, Pods with their ephemeralcontainers and resize.
        patches: Pods go to its mutating twin first.
        pins: so do ephemeral containers, whose tags get their digest.
        system_only: of its namespaces only system ones go there, which no Fail entry selects.

    """

    hash: str
    selector: LabelSelector
    fail: bool
    kinds: frozenset[str]
    patches: bool = False
    pins: bool = False
    system_only: bool = False

    @property
    def is_cluster_scoped(self) -> bool:
        """Whether what goes there is in no namespace, so that no selector filters it."""
        return any(not BY_NAME[kind].is_namespaced for kind in self.kinds)

    @property
    def path(self) -> str:
        """Path of the validating call; tells the webhook what an answer may be."""
        if self.is_cluster_scoped:
            return f"/cluster/{self.hash}"
        return f"/{'validate' if self.fail else 'audit'}/{self.hash}"

    def reaches(self, *, is_system: bool) -> bool:
        """Return whether it is called for system namespaces, or for the others."""
        if self.is_cluster_scoped:
            return False
        return not self.fail if is_system else not self.system_only


def hash_selector(selector: LabelSelector, *, system_only: bool = False) -> str:
    """Return a short hash that two selectors share if they say the same, of the same namespaces."""
    # No key has a colon, so the two kinds never meet.
    text = f"{'system:' if system_only else ''}{canonical(selector)}"
    return sha256(text.encode()).hexdigest()[:_HASH_LENGTH]


def named_namespaces(selector: LabelSelector) -> frozenset[str]:
    """Return the namespaces that a selector names one by one."""
    names: set[str] = set()
    if NAME_LABEL in selector.match_labels:
        names.add(selector.match_labels[NAME_LABEL])
    for term in selector.match_expressions:
        if term.key == NAME_LABEL and term.operator is Operator.IN:
            names.update(term.values)
    return frozenset(names)


def is_for_all(selector: LabelSelector) -> bool:
    """Return whether a policy is about all namespaces, and so about what is in none."""
    return not canonical(selector)


def select_names(operator: Operator, names: Iterable[str]) -> LabelSelector:
    """Return the selector of namespaces that have, or don't have, one of these names."""
    # Not checked: there may be more names than one requirement of a policy may have.
    term = Requirement.model_construct(
        key=NAME_LABEL, operator=operator, values=tuple(sorted(names))
    )
    return LabelSelector.model_construct(match_labels={}, match_expressions=(term,))


def scopes(spec: HardeningPolicySpec) -> Iterator[tuple[LabelSelector, Mode]]:
    """Yield the policy's namespaces and those of each override, with the ceiling there.

    An override holds only within the policy's own selector, so its scope is their conjunction.
    """
    yield spec.namespace_selector, spec.enforcement
    for override in spec.enforcement_overrides:
        selector = join(spec.namespace_selector, override.namespace_selector)
        yield selector, override.enforcement


def entries(spec: HardeningPolicySpec, checks: Iterable[ActiveCheck]) -> list[Entry]:
    """Return the entries that a policy with these checks needs, Fail ones first."""
    active = [check for check in checks if not check.standing]
    judged = _judged_kinds(active) & ADMITTED
    refused = _refused_kinds(spec, active)
    if _holds_pods(spec):
        refused |= _HELD
    patches = any(check.patch for check in active)
    pins = spec.images is not None and spec.images.digest is Digest.PIN
    fail: dict[str, Entry] = {}
    base = hash_selector(spec.namespace_selector)
    for selector, ceiling in scopes(spec):
        # Where the policy itself enforces, an override's namespaces are among the policy's.
        if ceiling is Mode.ENFORCE and (refused or patches) and base not in fail:
            key = hash_selector(selector)
            fail[key] = Entry(key, selector, fail=True, kinds=refused, patches=patches, pins=pins)
    covered = fail[base].kinds if base in fail else frozenset[str]()
    namespaced = frozenset(kind for kind in judged if BY_NAME[kind].is_namespaced)
    # What no Fail entry takes is watched through one that never refuses.
    ignore = Entry(base, spec.namespace_selector, fail=False, kinds=namespaced - covered)
    mild = [ignore, *_watch(spec.namespace_selector, covered)]
    if is_for_all(spec.namespace_selector):
        # No selector filters these: a policy for some namespaces would judge everybody's.
        kinds = judged - namespaced
        mild.append(Entry(base, spec.namespace_selector, fail=False, kinds=kinds))
    return [*fail.values(), *(each for each in mild if each.kinds)]


def _judged_kinds(checks: Iterable[ActiveCheck]) -> frozenset[str]:
    kinds: set[str] = set()
    for check in checks:
        kinds |= PODS if check.run is not None else frozenset[str]()
        kinds.update(kind for kind, _ in check.items)
    return frozenset(kinds)


def _refused_kinds(spec: HardeningPolicySpec, checks: Iterable[ActiveCheck]) -> frozenset[str]:
    """Return what a Fail entry takes: only what may be refused, and only what has a namespace.

    A dead Fail entry on ClusterRoles would keep the API server itself from starting: it writes its
    bootstrap roles before it is ready.
    """
    kinds: set[str] = set()
    for check in checks:
        if check.mode is Mode.ENFORCE:
            refuses_templates = spec.templates is Mode.ENFORCE and not check.defaulted
            kinds |= _judged_kinds([check]) - (frozenset() if refuses_templates else TEMPLATES)
    return frozenset(kind for kind in kinds if BY_NAME[kind].is_namespaced)


def _holds_pods(spec: HardeningPolicySpec) -> bool:
    """Return whether pods wait for what is written into a new namespace, whatever judges them."""
    asked = spec.namespaces
    writes = asked is not None and asked.mode is Switch.ENFORCE and asked.asks_for_something
    isolates = spec.network is not None and spec.network.mode is Switch.ENFORCE
    return writes or isolates


def _watch(selector: LabelSelector, covered: frozenset[str]) -> Iterator[Entry]:
    """Yield the entry for system namespaces that the policy names: a Fail one leaves them out."""
    if covered and named_namespaces(selector):
        key = hash_selector(selector, system_only=True)
        yield Entry(key, selector, fail=False, kinds=covered, system_only=True)
