"""What leaves a pod in quarantine no connection: a deny of all, where a policy asks for that.

It stands before the first pod is put there: the operator labels none where it does not.
"""

from typing import Final

from revet.core.model.meta import QUARANTINE_LABEL, Manifest
from revet.core.model.policy import HardeningPolicy
from revet.core.model.policy_runtime import Action, Response
from revet.core.render.owned import name_of, owned_metadata

_ROLE: Final = "quarantine"
_SOURCE: Final = "spec.runtime.respond"


def asked_quarantine(policy: HardeningPolicy) -> Response | None:
    """Return what a policy says of quarantine; None where it asks for none."""
    runtime = policy.spec.runtime
    return runtime.response(Action.QUARANTINE) if runtime is not None else None


def quarantine_name(policy: str) -> str:
    """Return the name of the NetworkPolicy."""
    return name_of(policy, _ROLE)


def quarantines(policy: HardeningPolicy, namespace: str) -> list[Manifest]:
    """Return the NetworkPolicy for a namespace that the policy selects, where it asks for it.

    It selects all pods with the label, whichever policy put it there.
    """
    if asked_quarantine(policy) is None:
        return []
    selector = {"matchExpressions": [{"key": QUARANTINE_LABEL, "operator": "Exists"}]}
    return [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": owned_metadata(policy, namespace, _ROLE, _SOURCE),
            "spec": {
                "podSelector": selector,
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [],
                "egress": [],
            },
        }
    ]
