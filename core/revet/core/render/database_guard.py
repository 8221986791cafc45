"""The guard of the label of a database's clients: a ValidatingAdmissionPolicy, so it always holds.

NetworkPolicies let in whoever carries the label, so it is the credential, and who may carry it is
checked where pods and their templates are written.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from revet.core.model.meta import DB_CLIENT_LABEL, Manifest, Owner
from revet.core.model.policy import HardeningPolicy
from revet.core.model.policy_network import Client
from revet.core.model.selector import LabelSelector, Operator, Requirement
from revet.core.render.admission_policy import render_guard

NAME: Final = "revet-database-clients"
#: The API server takes expressions of 100 000.
MOST_CHARACTERS: Final = 64 * 1024

_LABEL: Final = f"[?'{DB_CLIENT_LABEL}']"
#: Where kinds keep what a pod gets its labels, annotations and ServiceAccount from.
TEMPLATES: Final = (
    "request.kind.kind in ['Pod', 'Binding'] ? optional.of({0})"
    " : request.kind.kind == 'PodTemplate' ? {0}.?template"
    " : request.kind.kind == 'CronJob' ? {0}.?spec.?jobTemplate.?spec.?template"
    " : {0}.?spec.?template"
)
_ACCOUNT: Final = "spec.?serviceAccountName.orValue('default')"


def database_guards(
    policies: Iterable[HardeningPolicy], owner: Owner | None = None
) -> list[Manifest]:
    """Return the guard of all policies' databases, with its binding; without any, it lets none be.

    It holds whatever `network.mode` says: clients are labelled before the network is closed.
    """
    clauses = _fitting(_clauses(policies))
    return render_guard(
        NAME,
        owner,
        guarded_resources(),
        [_listed()],
        variables=_variables([clause for each in clauses.values() for clause in each]),
        conditions=[_matters()],
    )


def crowded_databases(policies: Iterable[HardeningPolicy]) -> frozenset[str]:
    """Return the databases that there is no room for: nobody new may carry their label."""
    clauses = _clauses(policies)
    return frozenset(clauses.keys() - _fitting(clauses).keys())


def _clauses(policies: Iterable[HardeningPolicy]) -> dict[str, list[str]]:
    """Write who may carry which label, by the database's name."""
    clauses: dict[str, list[str]] = {}
    for policy in sorted(policies, key=lambda each: each.metadata.name):
        for database in policy.spec.network.databases if policy.spec.network else ():
            clauses.setdefault(database.name, []).extend(
                _clause(policy.metadata.name, database.name, each) for each in database.clients
            )
    return dict(sorted(clauses.items()))


def _fitting(clauses: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """Leave out what does not fit, whole databases: half of one could let in who is not listed."""
    room = MOST_CHARACTERS
    fitting: dict[str, Sequence[str]] = {}
    for name, each in clauses.items():
        size = sum(len(clause) + len(" + ") for clause in each)
        if size <= room:
            room -= size
            fitting[name] = each
    return fitting


def _clause(policy: str, database: str, client: Client) -> str:
    # CEL's lists and maps hold one type of value: so who is listed is one text, without a slash in
    # its parts.
    listed = ", ".join(f"'{policy}/{each}'" for each in client.service_accounts)
    terms = " && ".join([f"variables.name == '{database}'", *_terms(client.namespace_selector)])
    return f"({terms} ? [{listed}] : [])"


def _terms(selector: LabelSelector) -> Iterator[str]:
    for key, value in selector.match_labels.items():
        yield _is_in(key, (value,))
    for each in selector.match_expressions:
        yield _term(each)


def _term(requirement: Requirement) -> str:
    has = f"'{requirement.key}' in variables.labels"
    match requirement.operator:
        case Operator.IN:
            return _is_in(requirement.key, requirement.values)
        case Operator.NOT_IN:
            return f"!({_is_in(requirement.key, requirement.values)})"
        case Operator.EXISTS:
            return has
        case Operator.DOES_NOT_EXIST:
            return f"!({has})"


def _is_in(key: str, values: Iterable[str]) -> str:
    # No key and no value of a label can have a quote or a backslash.
    listed = ", ".join(f"'{each}'" for each in values)
    return f"'{key}' in variables.labels && variables.labels['{key}'] in [{listed}]"


def _variables(clauses: Sequence[str]) -> list[Manifest]:
    return [
        # An optional value does not outlive the expression of its variable.
        {"name": "template", "expression": f"({TEMPLATES.format('object')}).orValue({{}})"},
        {
            "name": "name",
            "expression": f"variables.template.?metadata.?labels{_LABEL}.orValue('')",
        },
        {"name": "account", "expression": f"variables.template.?{_ACCOUNT}"},
        {
            "name": "labels",
            "expression": "namespaceObject.metadata.?labels.orValue({})",
        },
        {
            "name": "listed",
            "expression": " + ".join(clauses) or "[]",
        },
    ]


def guarded_resources() -> list[Manifest]:
    """Return the rules for all by which a pod gets its labels and annotations."""
    return [
        _rule("", ["bindings", "pods", "pods/binding", "pods/status"]),
        _rule("", ["podtemplates", "replicationcontrollers"]),
        _rule("apps", ["daemonsets", "deployments", "replicasets", "statefulsets"]),
        _rule("batch", ["cronjobs", "jobs"]),
    ]


def _rule(group: str, resources: list[str]) -> Manifest:
    return {
        "apiGroups": [group],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": resources,
        "scope": "Namespaced",
    }


def _matters() -> Manifest:
    """Pass by what has no such label, and updates that leave label and ServiceAccount as they were.

    So that what runs can still be scaled, and its status be written.
    """
    new, old = (f"({TEMPLATES.format(each)})" for each in ("object", "oldObject"))
    label = f".?metadata.?labels{_LABEL}"
    return {
        "name": "carries-the-label",
        "expression": (
            f"{new}{label}.hasValue() && (request.operation != 'UPDATE' ||"
            f" {new}{label} != {old}{label} || {new}.?{_ACCOUNT} != {old}.?{_ACCOUNT})"
        ),
    }


def _listed() -> Manifest:
    """Ask each policy with clients here for its list: none lets in whom another one keeps out."""
    told = json.dumps(f"the label {DB_CLIENT_LABEL}: ")
    return {
        "expression": (
            "size(variables.listed) > 0 && variables.listed.all(each,"
            " each.split('/')[0] + '/' + variables.account in variables.listed)"
        ),
        "messageExpression": (
            f"{told} + variables.name + ' is for the clients of that database which"
            " HardeningPolicies list, and ServiceAccount ' + request.namespace + '/'"
            " + variables.account + ' is none'"
        ),
        "reason": "Forbidden",
    }
