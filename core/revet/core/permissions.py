"""What the rules of a role allow, read as the API server's RBAC authorizer reads them.

Apart, because every control on roles asks the same question of other resources and verbs.
https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/rbac/v1/evaluation_helpers.go
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

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


def allowed_verbs(rule: PolicyRule, group: str, resource: str, asked: Iterable[str]) -> list[str]:
    """Return those of the verbs that a rule allows whatever the object's name is.

    A rule with resourceNames is what a narrow role looks like, but for an empty one: that is the
    name of every request which has none.
    """
    names = rule.resource_names
    if names:
        is_collection = "" in names and "/" not in resource
        asked = [verb for verb in asked if is_collection and verb in _NAMELESS]
    return _matching_verbs(rule, group, resource, asked)


def _matching_verbs(rule: PolicyRule, group: str, resource: str, asked: Iterable[str]) -> list[str]:
    groups, verbs = rule.api_groups or (), rule.verbs or ()
    if not (ALL in groups or group in groups) or not _matches(resource, rule.resources or ()):
        return []
    return [verb for verb in asked if ALL in verbs or verb in verbs]


def _matches(resource: str, resources: Iterable[str]) -> bool:
    name, _, subresource = resource.partition("/")
    if subresource == ALL:
        return any(each == ALL or each.startswith((f"{name}/", "*/")) for each in resources)
    wanted = {ALL, resource} | ({f"*/{subresource}"} if subresource else set[str]())
    return not wanted.isdisjoint(resources)


def judged_rules(item: Item[Role], settings: Settings) -> Iterator[tuple[int, PolicyRule]]:
    """Yield the rules of a role with their places, without those of Kubernetes' own roles.

    A rule is Kubernetes' own by its content in the role of that name, whatever labels say. Roles
    that the policy allows by name have none that is judged.
    """
    if is_allowed(item, settings):
        return
    for index, rule in enumerate(item.body.rules or ()):
        if not is_bootstrap_rule(item, rule):
            yield index, rule


def is_allowed(item: Item[object], settings: Settings) -> bool:
    """Return whether the policy names the object, as NAME or NAMESPACE/NAME."""
    name, namespace = item.metadata.name or "", item.metadata.namespace
    return (f"{namespace}/{name}" if namespace else name) in settings.allow


def find_grants(
    control: str, item: Item[Role], settings: Settings, grants: Iterable[Grant], hint: str
) -> Iterator[Finding]:
    """Find the rules of a role that allow any of these."""
    grants = tuple(grants)
    for index, rule in judged_rules(item, settings):
        told = tell_grants(rule, grants)
        if told:
            yield Finding(control, f"/rules/{index}", f"allows {told}", None, Fix(hint))


def tell_grants(rule: PolicyRule, grants: Iterable[Grant]) -> str:
    """Return what of these a rule allows, as `create, get on pods/exec, pods/attach`."""
    words: dict[tuple[str, str], list[str]] = {}
    for grant in grants:
        named = ", ".join(sorted(grant.strong.intersection(rule.resource_names or ())))
        ask = _matching_verbs if named or not grant.narrows else allowed_verbs
        for resource in grant.resources:
            given = ", ".join(ask(rule, grant.group, resource, grant.verbs))
            if given:
                words.setdefault((given, named), []).append(resource)
    return "; ".join(
        f"{verbs} on {', '.join(dict.fromkeys(resources))}" + (f" {named}" if named else "")
        for (verbs, named), resources in words.items()
    )
