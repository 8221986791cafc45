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


class Grant(NamedTuple):
    """Verbs on resources (`pods`, `pods/exec`) of an API group."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]


def allowed_verbs(rule: PolicyRule, group: str, resource: str, asked: Iterable[str]) -> list[str]:
    """Return those of the verbs that a rule allows; none where it is about named objects.

    A rule with resourceNames is what a narrow role looks like.
    """
    groups, resources, verbs = rule.api_groups or (), rule.resources or (), rule.verbs or ()
    if rule.resource_names or not (ALL in groups or group in groups):
        return []
    _, _, subresource = resource.partition("/")
    wanted = {ALL, resource} | ({f"*/{subresource}"} if subresource else set[str]())
    if wanted.isdisjoint(resources):
        return []
    return [verb for verb in asked if ALL in verbs or verb in verbs]


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
    asked = [(each.group, name, each.verbs) for each in grants for name in each.resources]
    for index, rule in judged_rules(item, settings):
        words: dict[str, list[str]] = {}
        for group, name, verbs in asked:
            given = ", ".join(allowed_verbs(rule, group, name, verbs))
            if given:
                words.setdefault(given, []).append(name)
        told = [f"{verbs} on {', '.join(dict.fromkeys(names))}" for verbs, names in words.items()]
        if told:
            yield Finding(control, f"/rules/{index}", f"allows {'; '.join(told)}", None, Fix(hint))
