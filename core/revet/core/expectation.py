"""What a policy has written into its namespaces, as whoever sees them can tell that it is there.

By what stands, never by who says so: people's own objects count as they do to the operator.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Self

import msgspec

from revet.core import account
from revet.core.bounds import LIMITS, covers
from revet.core.model.meta import PAUSED_ANNOTATION, Manifest
from revet.core.model.mode import Mode
from revet.core.model.namespace import LimitRange, ResourceQuota
from revet.core.model.policy import HardeningPolicy
from revet.core.model.policy_namespaces import Drift
from revet.core.model.policy_network import Network, Switch
from revet.core.neighbours import Neighbours
from revet.core.render.baseline import is_as_strict, pod_security
from revet.core.render.bounds import asked_of, bounds, quiets
from revet.core.render.owned import name_of
from revet.core.surroundings import Seen

ACCOUNT: Final = "ServiceAccount"
ISOLATION: Final = "NetworkPolicy"


@dataclass(frozen=True, slots=True)
class Expectation:
    """What should be in a namespace where a policy enforces, before the first pod is.

    Attributes:
        labels: Pod Security labels, at least as strict.
        specs: of the ResourceQuota and the LimitRange, by kind.
        quiet: whether the ServiceAccount `default` is to have no token mounted.
        isolation: the name of the default deny, which comes after all that is allowed; or empty.
        directions: in which it denies.
        is_kept: whether foreign edits are undone, so that what is missing later is worth a word.

    """

    labels: Mapping[str, str]
    specs: Mapping[str, Manifest]
    quiet: bool
    isolation: str
    directions: frozenset[str]
    is_kept: bool = True

    @classmethod
    def of(cls, policy: HardeningPolicy) -> Self | None:
        """Return what is expected; None where nothing is written for it."""
        if policy.metadata.annotations.get(PAUSED_ANNOTATION) == "true":
            return None
        network = _isolating(policy)
        made = cls(
            pod_security([(policy, Mode.ENFORCE)], {}, {}).labels,
            {kind: manifest["spec"] for kind, manifest in bounds(policy, "").items()},
            quiets(policy),
            name_of(policy.metadata.name, "isolate") if network else "",
            frozenset(each.value for each in network.isolate) if network else frozenset(),
            _is_kept(policy),
        )
        return made if made.labels or made.specs or made.quiet or made.isolation else None

    @property
    def needs(self) -> frozenset[str]:
        """The kinds that whoever asks what is missing has to see."""
        quiet = {ACCOUNT} if self.quiet else set[str]()
        return frozenset({*self.specs, *quiet, *({ISOLATION} if self.isolation else ())})

    def list_missing(
        self,
        namespace: str,
        labels: Mapping[str, str],
        around: Neighbours,
        limits: Iterable[Manifest] = (),
    ) -> list[str]:
        """Say what of it is not in a namespace, as far as anybody sees.

        `limits` are the specs of the LimitRanges that other policies ask for there: only one of all
        is written.
        """
        return [*self._list_missing(namespace, labels, around, limits)]

    def _list_missing(
        self,
        namespace: str,
        labels: Mapping[str, str],
        around: Neighbours,
        limits: Iterable[Manifest],
    ) -> Iterator[str]:
        if not is_as_strict(labels, self.labels):
            yield "its Pod Security labels"
        for kind, spec in self.specs.items():
            there = _specs(kind, namespace, around)
            wanted = (spec, *limits) if kind == LIMITS else (spec,)
            if not any(covers(kind, there, each) for each in wanted):
                yield f"its {kind}"
        if self.quiet:
            accounts = around.service_account(namespace, account.NAME).items
            if not any(each.automount_service_account_token is False for each in accounts):
                yield f"{account.FIELD}: false on its ServiceAccount {account.NAME}"
        if self.isolation and not self._is_isolated(namespace, around):
            yield "its NetworkPolicies"

    def _is_isolated(self, namespace: str, around: Neighbours) -> bool:
        specs = [each.spec for each in around.network_policy(namespace, self.isolation).items]
        return any(
            self.directions <= frozenset(spec.directions) and not spec.ingress and not spec.egress
            for spec in specs
        )


def limits_of(policy: HardeningPolicy) -> Manifest | None:
    """Return the spec of the LimitRange that a policy asks for, also where it is paused."""
    made = bounds(policy, "").get(LIMITS)
    return made["spec"] if made else None


def _is_kept(policy: HardeningPolicy) -> bool:
    asked = asked_of(policy)
    return asked is None or asked.drift is Drift.CORRECT


def _isolating(policy: HardeningPolicy) -> Network | None:
    network = policy.spec.network
    return network if network is not None and network.mode is Switch.ENFORCE else None


def _specs(kind: str, namespace: str, around: Neighbours) -> list[Manifest]:
    seen: Seen[ResourceQuota] | Seen[LimitRange]
    seen = around.limit_ranges(namespace) if kind == LIMITS else around.resource_quotas(namespace)
    return [msgspec.to_builtins(each.spec) for each in seen.items]
