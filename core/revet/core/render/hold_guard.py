"""The guard of the lists of images that are held: a ValidatingAdmissionPolicy, so it always holds.

The list is in the status of a HardeningPolicy. Who lets images go writes there, too, and must not
write anything else: by conditions people judge, and by the list new pods are refused.
"""

from typing import Final

from revet.core.model.meta import Manifest, Owner
from revet.core.model.policy import GROUP, VERSION
from revet.core.model.policy_status import HardeningPolicyStatus, HeldImage
from revet.core.render.admission_policy import render_guard

NAME: Final = "revet-held-images"
#: Who may do this to HardeningPolicies writes all of their status: the operator.
HOLD: Final = "hold"
#: Who may do this to them, not only in a namespace, lets images go.
RELEASE: Final = "release"

_POLICY: Final = f"authorizer.group('{GROUP}').resource('hardeningpolicies').name(request.name)"
_LIST: Final = "heldImages"
_MARK: Final = "released"


def hold_guards(owner: Owner | None = None) -> list[Manifest]:
    """Return the guard with its binding; it holds whether a policy holds images or not."""
    rule: Manifest = {
        "apiGroups": [GROUP],
        "apiVersions": [VERSION],
        "operations": ["UPDATE"],
        "resources": ["hardeningpolicies/status"],
        "scope": "Cluster",
    }
    others: list[Manifest] = [
        {"name": "may-not-write-all", "expression": f"!{_POLICY}.check('{HOLD}').allowed()"}
    ]
    return render_guard(NAME, owner, [rule], [_allowed()], conditions=others)


def _allowed() -> Manifest:
    return {
        "expression": " && ".join(
            (f"{_POLICY}.check('{RELEASE}').allowed()", *_same_status(), *_same_list())
        ),
        "messageExpression": (
            "'the status of HardeningPolicies is written by Revet alone; to let an image go (revet"
            f" release), ' + request.userInfo.username + ' needs the verb {RELEASE} on"
            f" hardeningpolicies.{GROUP}, and may mark what is on the list and nothing else'"
        ),
        "reason": "Forbidden",
    }


def _same_status() -> list[str]:
    """Ask that all fields but the list stay; what a later version adds is not to be written."""
    names = (str(info.alias) for info in HardeningPolicyStatus.model_fields.values())
    return [_same(f".?status.?{name}") for name in names if name != _LIST]


def _same_list() -> list[str]:
    """Ask that the images stay, in order, but for a mark that was not there."""
    new, old = (f"{each}.?status.?{_LIST}.orValue([])" for each in ("object", "oldObject"))
    stays = f"{old}.all(o, !has(o.{_MARK}) || {new}.exists(n, n.digest == o.digest && "
    names = (str(info.alias) for info in HeldImage.model_fields.values())
    return [
        *(
            f"{new}.map(each, each.?{name}) == {old}.map(each, each.?{name})"
            for name in names
            if name != _MARK
        ),
        f"{stays}has(n.{_MARK}) && n.{_MARK} == o.{_MARK}))",
    ]


def _same(field: str) -> str:
    return f"object{field} == oldObject{field}"
