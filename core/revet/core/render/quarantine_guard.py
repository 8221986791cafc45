"""The guard of quarantine: a ValidatingAdmissionPolicy, so that it holds while we are dead.

Its label leaves a pod no connection, and our annotations say why, and what does not lead there
again: whoever could write them could cut off other people's pods, or keep theirs from being so.
"""

from typing import Final

from revet.core.model.meta import (
    QUARANTINE_LABEL,
    QUARANTINED_ANNOTATION,
    RELEASED_ANNOTATION,
    Manifest,
    Owner,
)
from revet.core.model.policy import GROUP
from revet.core.render.admission_policy import render_guard
from revet.core.render.database_guard import TEMPLATES, guarded_resources

NAME: Final = "revet-quarantine"
#: Who may do this to HardeningPolicies puts pods in quarantine: the operator.
QUARANTINE: Final = "quarantine"
#: Who may do this to them, in a namespace, lets its pods out.
RELEASE: Final = "release"

_POLICIES: Final = f"authorizer.group('{GROUP}').resource('hardeningpolicies')"
_MAY_QUARANTINE: Final = f"{_POLICIES}.check('{QUARANTINE}').allowed()"
_MAY_RELEASE: Final = f"{_POLICIES}.namespace(request.namespace).check('{RELEASE}').allowed()"
_LABEL: Final = f".?metadata.?labels[?'{QUARANTINE_LABEL}']"
_MARKS: Final = (
    _LABEL,
    *(
        f".?metadata.?annotations[?'{each}']"
        for each in (QUARANTINED_ANNOTATION, RELEASED_ANNOTATION)
    ),
)


def quarantine_guards(owner: Owner | None = None) -> list[Manifest]:
    """Return the guard with its binding; it holds whether a policy asks for quarantine or not."""
    conditions: list[Manifest] = [{"name": "touches-a-mark", "expression": _touches()}]
    return render_guard(NAME, owner, guarded_resources(), [_allowed()], conditions=conditions)


def _touches() -> str:
    """Pass by what has no mark of ours, and updates that leave all as they were."""
    new, old = (f"({TEMPLATES.format(each)})" for each in ("object", "oldObject"))
    there = " || ".join(f"{new}{mark}.hasValue()" for mark in _MARKS)
    changed = " || ".join(f"{new}{mark} != {old}{mark}" for mark in _MARKS)
    return f"request.operation == 'UPDATE' ? ({changed}) : ({there})"


def _allowed() -> Manifest:
    is_out = f"request.operation == 'UPDATE' && !({TEMPLATES.format('object')}){_LABEL}.hasValue()"
    return {
        "expression": f"{_MAY_QUARANTINE} || {is_out} && {_MAY_RELEASE}",
        "messageExpression": (
            f"'the label {QUARANTINE_LABEL} and what says why are written by Revet alone;"
            f" to let a pod out (revet release), ' + request.userInfo.username + ' needs the verb"
            f" {RELEASE} on hardeningpolicies.{GROUP} in ' + request.namespace"
        ),
        "reason": "Forbidden",
    }
