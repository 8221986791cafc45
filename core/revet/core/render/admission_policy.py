"""A guard: a ValidatingAdmissionPolicy with its binding, which holds while we are dead.

https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
"""

from collections.abc import Sequence
from typing import Final

from revet.core.model.meta import Manifest, Owner, render_metadata

_API_VERSION: Final = "admissionregistration.k8s.io/v1"


def render_guard(
    name: str,
    owner: Owner | None,
    rules: Sequence[Manifest],
    validations: Sequence[Manifest],
    *,
    variables: Sequence[Manifest] = (),
    conditions: Sequence[Manifest] = (),
) -> list[Manifest]:
    """Return both; what the rules match, in any namespace, is refused unless it is valid."""
    spec: Manifest = {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "matchPolicy": "Equivalent",
            "namespaceSelector": {},
            "objectSelector": {},
            "resourceRules": list(rules),
        },
        **({"matchConditions": list(conditions)} if conditions else {}),
        "variables": list(variables),
        "validations": list(validations),
    }
    return [
        _render("ValidatingAdmissionPolicy", name, owner, spec),
        _render(
            "ValidatingAdmissionPolicyBinding",
            name,
            owner,
            {"policyName": name, "validationActions": ["Deny"]},
        ),
    ]


def _render(kind: str, name: str, owner: Owner | None, spec: Manifest) -> Manifest:
    metadata = render_metadata(name, owner)
    return {"apiVersion": _API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
