"""Which calls of the API server a policy needs: the entries of the webhook configurations.

The renderer writes them, and the webhook knows by them what a call proves: that the API server
matched the entry's selector against the namespace as it is now.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from revet.core.engine import ActiveCheck
from revet.core.model.mode import Mode
from revet.core.model.policy import HardeningPolicySpec
from revet.core.model.selector import LabelSelector, canonical, join

_HASH_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry for one selector: which objects go there, and whether it may refuse.

    Attributes:
        hash: of the selector's normal form, without what every entry excludes; stands in names and
            paths, since a policy's name may be longer than an entry's may be.
        selector: the policy's namespaces, or those of one of its overrides.
        fail: True: failurePolicy Fail, may refuse. False: failurePolicy Ignore, never refuses.
        pods: Pods, their ephemeralcontainers and resize go there.
        templates: the workload kinds go there.
        patches: Pods go to its mutating twin first.

    """

    hash: str
    selector: LabelSelector
    fail: bool
    pods: bool
    templates: bool
    patches: bool = False

    @property
    def path(self) -> str:
        """Path of the validating call; tells the webhook what an answer may be."""
        return f"/{'validate' if self.fail else 'audit'}/{self.hash}"

    def takes(self, *, is_pod: bool) -> bool:
        """Return whether a Pod, or a workload's template, goes there."""
        return self.pods if is_pod else self.templates


def hash_selector(selector: LabelSelector) -> str:
    """Return a short hash that two selectors share if they say the same."""
    return sha256(canonical(selector).encode()).hexdigest()[:_HASH_LENGTH]


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
    active = list(checks)
    enforces = any(check.mode is Mode.ENFORCE for check in active)
    patches = any(check.patch for check in active)
    refuses_templates = enforces and spec.templates is Mode.ENFORCE
    fail: dict[str, Entry] = {}
    base = hash_selector(spec.namespace_selector)
    for selector, ceiling in scopes(spec):
        # Where the policy itself enforces, an override's namespaces are among the policy's.
        if ceiling is Mode.ENFORCE and (enforces or patches) and base not in fail:
            key = hash_selector(selector)
            fail[key] = Entry(
                key,
                selector,
                fail=True,
                pods=enforces,
                templates=refuses_templates,
                patches=patches,
            )
    covered = fail.get(base)
    # What no Fail entry takes is watched through one that never refuses.
    ignore = Entry(
        base,
        spec.namespace_selector,
        fail=False,
        pods=bool(active) and not (covered and covered.pods),
        templates=bool(active) and not (covered and covered.templates),
    )
    return [*fail.values(), *([ignore] if ignore.pods or ignore.templates else [])]
