"""What the rules of a role allow, read as the API server's RBAC authorizer reads them.

Apart, because every control on roles asks the same question of other resources and verbs.
https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/rbac/v1/evaluation_helpers.go
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from revet.core.aggregation import taken_in
from revet.core.bootstrap_rbac import is_bootstrap_rule
from revet.core.check import Finding, Fix
from revet.core.item import Item
from revet.core.model.rbac import PolicyRule, Role
from revet.core.model.settings import Settings

ALL: Final = "*"
CORE: Final = ""
APPS: Final = "apps"
BATCH: Final = "batch"
RBAC: Final = "rbac.authorization.k8s.io"
ADMISSION: Final = "admissionregistration.k8s.io"
CERTIFICATES: Final = "certificates.k8s.io"
AUTHENTICATION: Final = "authentication.k8s.io"

ROLES: Final = ("Role", "ClusterRole")
BINDINGS: Final = ("RoleBinding", "ClusterRoleBinding")

#: Where a finding on what a ClusterRole takes in stands.
AGGREGATION: Final = "/aggregationRule"

#: The verbs of requests that carry no name, which the empty name among resourceNames matches.
_NAMELESS: Final = frozenset({"create", "list", "watch", "deletecollection"})


class Grant(NamedTuple):
    """Verbs on resources (`pods`, `pods/exec`, `userextras/*` for any of them) of an API group.

    Attributes:
        strong: names that give as much as all of them do: naming these is not narrow.
        narrows: whether a rule that names objects is narrow at all.

    """

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    strong: frozenset[str] = frozenset()
    narrows: bool = True


@dataclass(frozen=True, slots=True)
class Rights:
    """A rule of a role made ready to be asked by every control, and where it stands.

    Attributes:
        rule: the rule as it was read.
        pointer: where a finding on it is to be placed.
        origin: what to say before a finding, where the rule is another role's.
        groups: its API groups.
        resources: its resources.
        parents: those of them that have a subresource, without it.
        verbs: its verbs.

    """

    rule: PolicyRule
    pointer: str
    origin: str
    groups: frozenset[str]
    resources: frozenset[str]
    parents: frozenset[str]
    verbs: frozenset[str]

    @classmethod
    def of(cls, rule: PolicyRule, pointer: str = "", origin: str = "") -> Self:
        """Make a rule ready: its lists may be long, and each control asks of dozens of rights."""
        resources = frozenset(rule.resources or ())
        return cls(
            rule=rule,
            pointer=pointer,
            origin=origin,
            groups=frozenset(rule.api_groups or ()),
            resources=resources,
            parents=frozenset(each.partition("/")[0] for each in resources if "/" in each),
            verbs=frozenset(rule.verbs or ()),
        )

    @property
    def allows_all(self) -> bool:
        """Whether it allows everything on everything."""
        wild = ALL in self.groups and ALL in self.resources and ALL in self.verbs
        return wild and not self.rule.resource_names


def allowed_verbs(rights: Rights, group: str, resource: str, asked: Iterable[str]) -> list[str]:
    """Return those of the verbs that a rule allows whatever the object's name is.

    A rule with resourceNames is what a narrow role looks like, but for an empty one: that is the
    name of every request which has none.
    """
    names = rights.rule.resource_names
    if names:
        if "/" in resource or "" not in names:
            return []
        asked = [verb for verb in asked if verb in _NAMELESS]
    return _matching_verbs(rights, group, resource, asked)


def _matching_verbs(rights: Rights, group: str, resource: str, asked: Iterable[str]) -> list[str]:
    groups, verbs = rights.groups, rights.verbs
    if not (ALL in groups or group in groups) or not _matches(resource, rights):
        return []
    return list(asked) if ALL in verbs else [verb for verb in asked if verb in verbs]


def _matches(resource: str, rights: Rights) -> bool:
    resources = rights.resources
    if ALL in resources or resource in resources:
        return True
    name, _, subresource = resource.partition("/")
    if subresource == ALL:
        return name in rights.parents or ALL in rights.parents
    return bool(subresource) and f"*/{subresource}" in resources


def judged_rules(item: Item[Role], settings: Settings) -> Sequence[Rights]:
    """Return the rules of a role, without those of Kubernetes' own roles.

    A rule is Kubernetes' own by its content in the role of that name, whatever labels say. Roles
    that the policy allows by name have none that is judged.
    """
    return () if is_allowed(item, settings) else item.once(_judged_rules)


def _judged_rules(item: Item[Role]) -> list[Rights]:
    own = [
        Rights.of(rule, f"/rules/{index}")
        for index, rule in enumerate(item.body.rules or ())
        if not is_bootstrap_rule(item, rule)
    ]
    return own + [
        Rights.of(rule, AGGREGATION, f"takes in ClusterRole {name}: ")
        for name, role in taken_in(item.body, item.around).items()
        for rule in role.rules or ()
    ]


def is_allowed(item: Item[object], settings: Settings) -> bool:
    """Return whether the policy names the object, as NAME or NAMESPACE/NAME."""
    name, namespace = item.metadata.name or "", item.metadata.namespace
    return (f"{namespace}/{name}" if namespace else name) in settings.allow


def find_grants(
    control: str, item: Item[Role], settings: Settings, grants: Iterable[Grant], hint: str
) -> Iterator[Finding]:
    """Find the rules of a role that allow any of these."""
    grants = tuple(grants)
    found = False
    for rights in judged_rules(item, settings):
        told = tell_grants(rights, grants)
        if told:
            found = True
            yield Finding(control, rights.pointer, f"{rights.origin}allows {told}", None, Fix(hint))
    if not found:
        yield from find_unseen(control, item, settings)


def find_unseen(control: str, item: Item[Role], settings: Settings) -> Iterator[Finding]:
    """Say that nobody knows what a role allows which takes in others, where not all are seen."""
    if item.body.selectors and not item.around.is_cluster and not is_allowed(item, settings):
        needs = "every ClusterRole that its aggregationRule selects"
        yield Finding.unknown(control, AGGREGATION, needs)


def tell_grants(rights: Rights, grants: Iterable[Grant]) -> str:
    """Return what of these a rule allows, as `create, get on pods/exec, pods/attach`."""
    words: dict[tuple[str, str], list[str]] = {}
    for grant in grants:
        named = ", ".join(sorted(grant.strong.intersection(rights.rule.resource_names or ())))
        ask = _matching_verbs if named or not grant.narrows else allowed_verbs
        for resource in grant.resources:
            given = ", ".join(ask(rights, grant.group, resource, grant.verbs))
            if given:
                words.setdefault((given, named), []).append(resource)
    return "; ".join(
        f"{verbs} on {', '.join(dict.fromkeys(resources))}" + (f" {named}" if named else "")
        for (verbs, named), resources in words.items()
    )
