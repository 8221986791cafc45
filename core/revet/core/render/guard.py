"""The guard of namespaces: a ValidatingAdmissionPolicy, which holds while we are dead.

A namespace's update is matched on its new labels, so no webhook could guard what selects it.
https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
"""

import re
from collections.abc import Iterable
from typing import Final

from revet.core.entry import NAME_LABEL
from revet.core.model.meta import (
    BREAK_GLASS_LABEL,
    POD_SECURITY_ANNOTATION,
    Manifest,
    Owner,
)
from revet.core.model.policy import GROUP, HardeningPolicySpec
from revet.core.model.selector import LabelSelector
from revet.core.network.connection import list_namespace_selectors
from revet.core.render.admission_policy import render_guard

NAME: Final = "revet-namespace-labels"
#: Who may do this to a HardeningPolicy may also change which namespaces it selects.
VERB: Final = "relabel"
#: Who may do this to it may also write which Pod Security labels a namespace gets back at the end:
#: the operator. It trusts that annotation, and would lower a label for whoever wrote it.
RESTORE: Final = "restore"

_CHANGED: Final = "changed"
_QUOTED: Final = re.compile(r"'([^']*)'")
_NEW: Final = "object.metadata.?labels"
_OLD: Final = "oldObject.metadata.?labels"
_POLICIES: Final = f"authorizer.group('{GROUP}').resource('hardeningpolicies')"
_MAY_RELABEL: Final = f"{_POLICIES}.check('{VERB}')"
_MAY_RESTORE: Final = f"{_POLICIES}.check('{RESTORE}')"


def selector_keys(spec: HardeningPolicySpec) -> frozenset[str]:
    """Return the label keys of namespaces that a policy selects by, but for the immutable name."""
    overrides = (each.namespace_selector for each in spec.enforcement_overrides)
    peers = list_namespace_selectors(spec.network) if spec.network is not None else ()
    selectors = (spec.namespace_selector, *overrides, *peers)
    keys = (key for selector in selectors for key in _keys(selector))
    return frozenset(keys) - {NAME_LABEL}


def guards(keys: Iterable[str], owner: Owner | None = None) -> list[Manifest]:
    """Return the guard of these keys, of break-glass and of our annotation, with its binding.

    It holds on all namespaces, whether a policy selects them or not.
    """
    guarded = sorted(set(keys) - {BREAK_GLASS_LABEL})
    rule: Manifest = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["namespaces", "namespaces/finalize", "namespaces/status"],
        "scope": "*",
    }
    validations = [*([_unchanged()] if guarded else []), _no_break_glass(), _not_forged()]
    variables = [_changed(guarded)] if guarded else []
    return render_guard(NAME, owner, [rule], validations, variables=variables)


def guarded_keys(live: Manifest) -> frozenset[str]:
    """Read the label keys that a guard, written by guards(), guards."""
    variables: list[Manifest] = live["spec"].get("variables") or []
    listed = (each["expression"] for each in variables if each["name"] == _CHANGED)
    return frozenset(
        key for text in listed for key in _QUOTED.findall(text.partition("].filter(")[0])
    )


def _keys(selector: LabelSelector) -> set[str]:
    return {*selector.match_labels, *(each.key for each in selector.match_expressions)}


def _changed(keys: list[str]) -> Manifest:
    """Write the list of guarded keys that the request adds, changes or removes."""
    # No key can have a quote or a backslash.
    listed = ", ".join(f"'{key}'" for key in keys)
    return {
        "name": _CHANGED,
        "expression": f"[{listed}].filter(key, {_NEW}[?key] != {_OLD}[?key])",
    }


def _unchanged() -> Manifest:
    return {
        "expression": (
            "request.operation != 'UPDATE' || size(variables.changed) == 0 || "
            f"{_MAY_RELABEL}.allowed()"
        ),
        "messageExpression": (
            "'HardeningPolicies select namespaces by the label ' + variables.changed.join(', ')"
            f" + ': to change it, ' + request.userInfo.username + ' needs the verb {VERB}"
            f" on hardeningpolicies.{GROUP}'"
        ),
        "reason": "Forbidden",
    }


def _no_break_glass() -> Manifest:
    key = f"[?'{BREAK_GLASS_LABEL}']"
    return {
        "expression": (
            f"!{_NEW}{key}.hasValue() || "
            f"request.operation == 'UPDATE' && {_NEW}{key} == {_OLD}{key}"
        ),
        "message": (
            f"the label {BREAK_GLASS_LABEL} can't be added or changed: break-glass is not"
            " supported in this version"
        ),
        "reason": "Forbidden",
    }


def _not_forged() -> Manifest:
    note = f"metadata.?annotations[?'{POD_SECURITY_ANNOTATION}']"
    return {
        "expression": (
            f"(request.operation == 'UPDATE' ? object.{note} == oldObject.{note}"
            f" : !object.{note}.hasValue()) || {_MAY_RESTORE}.allowed()"
        ),
        "message": (
            f"the annotation {POD_SECURITY_ANNOTATION} is written by Revet alone: who changes it"
            f" needs the verb {RESTORE} on hardeningpolicies.{GROUP}"
        ),
        "reason": "Forbidden",
    }
