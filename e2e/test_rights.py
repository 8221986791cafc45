"""The ServiceAccounts of the chart on a real API server: what they may do, and nothing more."""

import json
from typing import Final

import pytest

from e2e.release import NAMESPACE, SECRET, Release
from e2e.webhook import policy
from tests.support.manifests import Manifest

WEBHOOK: Final = "revet-webhook"
OPERATOR: Final = "revet-operator"
_APPLY: Final = ("apply", "--server-side", "--field-manager=revet", "--filename=-")
_OWN: Final = f"--namespace={NAMESPACE}"
_OTHER: Final = "--namespace=default"
_ALL: Final = "--all-namespaces"
_STATUS: Final = "--subresource=status"
#: What controls ask for beside the object that they judge at admission.
NEEDED: Final = (
    "serviceaccounts",
    "networkpolicies.networking.k8s.io",
    "roles.rbac.authorization.k8s.io",
    "clusterroles.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io",
    "clusterrolebindings.rbac.authorization.k8s.io",
)


@pytest.mark.parametrize(
    ("account", "question", "answer"),
    [
        (OPERATOR, ("patch", "namespaces"), True),
        (WEBHOOK, ("patch", "namespaces"), False),
        (OPERATOR, ("create", "namespaces"), False),
        (WEBHOOK, ("create", "namespaces"), False),
        (OPERATOR, ("delete", "namespaces"), False),
        (OPERATOR, ("get", f"secrets/{SECRET}", _OWN), True),
        (OPERATOR, ("get", "secrets/other", _OWN), False),
        (OPERATOR, ("get", f"secrets/{SECRET}", _OTHER), False),
        (OPERATOR, ("list", "secrets", _OWN), False),
        (OPERATOR, ("list", "secrets", _ALL), False),
        (OPERATOR, ("create", f"secrets/{SECRET}", _OWN), True),
        (OPERATOR, ("create", "secrets", _OWN), False),
        (OPERATOR, ("delete", f"secrets/{SECRET}", _OWN), False),
        (WEBHOOK, ("get", f"secrets/{SECRET}", _OWN), False),
        (WEBHOOK, ("list", "secrets", _OWN), False),
        (WEBHOOK, ("get", "secrets/other", _OTHER), False),
        (WEBHOOK, ("watch", "configmaps", _OWN), True),
        (WEBHOOK, ("list", "configmaps", _OTHER), False),
        (OPERATOR, ("list", "pods", _ALL), True),
        (OPERATOR, ("create", "pods", _OWN), False),
        (WEBHOOK, ("list", "pods", _ALL), False),
        (OPERATOR, ("patch", "hardeningpolicies", _STATUS), True),
        (OPERATOR, ("patch", "hardeningpolicies"), False),
        (OPERATOR, ("relabel", "hardeningpolicies"), False),
        (OPERATOR, ("restore", "hardeningpolicies"), True),
        (WEBHOOK, ("watch", "hardeningpolicies"), True),
        (WEBHOOK, ("patch", "hardeningpolicies", _STATUS), False),
        (WEBHOOK, ("create", "events", _OTHER), True),
        (OPERATOR, ("create", "events", _OTHER), True),
        (OPERATOR, ("delete", "events", _OTHER), False),
        (OPERATOR, ("delete", "networkpolicies", _OTHER), True),
        *(
            (account, (verb, kind, _ALL), True)
            for account in (WEBHOOK, OPERATOR)
            for kind in NEEDED
            for verb in ("list", "watch")
        ),
        *(
            (OPERATOR, (verb, kind, _ALL), True)
            for kind in ("services", "serviceaccounts", "ingresses")
            for verb in ("list", "watch")
        ),
        *(
            (OPERATOR, (verb, kind, _OTHER), True)
            for kind in ("limitranges", "resourcequotas")
            for verb in ("list", "watch", "create", "patch", "delete")
        ),
        *((WEBHOOK, ("watch", kind, _ALL), True) for kind in ("limitranges", "resourcequotas")),
        *((WEBHOOK, ("patch", kind, _OTHER), False) for kind in ("limitranges", "resourcequotas")),
        (OPERATOR, ("patch", "serviceaccounts/default", _OTHER), True),
        (OPERATOR, ("create", "serviceaccounts/default", _OTHER), False),
        (WEBHOOK, ("get", "serviceaccounts/default", _OTHER), False),
        (WEBHOOK, ("list", "services", _ALL), False),
        (WEBHOOK, ("list", "secrets", _ALL), False),
        (OPERATOR, ("patch", "serviceaccounts", _OTHER), False),
        (OPERATOR, ("patch", "services", _OTHER), False),
        (OPERATOR, ("bind", "clusterroles"), False),
        (OPERATOR, ("create", "validatingwebhookconfigurations/revet"), True),
        (OPERATOR, ("create", "validatingwebhookconfigurations/other"), False),
        (OPERATOR, ("create", "validatingwebhookconfigurations"), False),
        (OPERATOR, ("delete", "mutatingwebhookconfigurations/revet"), True),
        (OPERATOR, ("delete", "mutatingwebhookconfigurations/other"), False),
        (OPERATOR, ("patch", "validatingadmissionpolicies/revet-namespace-labels"), True),
        (OPERATOR, ("patch", "validatingadmissionpolicybindings/other"), False),
        (WEBHOOK, ("list", "validatingwebhookconfigurations"), False),
        (OPERATOR, ("get", f"clusterroles/{OPERATOR}"), True),
        (OPERATOR, ("patch", f"clusterroles/{OPERATOR}"), False),
        (OPERATOR, ("update", f"leases/{OPERATOR}", _OWN), True),
        (OPERATOR, ("update", "leases/kube-scheduler", "--namespace=kube-system"), False),
        (OPERATOR, ("list", "endpointslices", _OWN), True),
        *(
            (OPERATOR, ("watch", kind, _ALL), True)
            for kind in (
                "pods",
                "services",
                "ingresses",
                "endpointslices",
                "networkpolicies",
                "rolebindings",
                "clusterrolebindings",
                "certificatesigningrequests",
                "apiservices",
                "customresourcedefinitions",
                "validatingwebhookconfigurations",
                "mutatingwebhookconfigurations",
            )
        ),
        (OPERATOR, ("patch", "endpointslices", _OTHER), False),
        (OPERATOR, ("patch", "customresourcedefinitions"), False),
        (OPERATOR, ("patch", "rolebindings", _OTHER), False),
        (OPERATOR, ("patch", "validatingadmissionpolicies/revet-database-clients"), True),
        (OPERATOR, ("patch", "validatingadmissionpolicies/revet-quarantine"), True),
        (OPERATOR, ("patch", "validatingadmissionpolicies/revet-held-images"), True),
        (OPERATOR, ("hold", "hardeningpolicies"), True),
        (OPERATOR, ("release", "hardeningpolicies"), False),
        # Only where the chart's operator.quarantine says so.
        (OPERATOR, ("patch", "pods", _OTHER), False),
        (OPERATOR, ("quarantine", "hardeningpolicies"), False),
        (OPERATOR, ("create", f"serviceaccounts/{WEBHOOK}", "--subresource=token", _OWN), False),
        (OPERATOR, ("*", "*"), False),
        (WEBHOOK, ("*", "*"), False),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_an_account_may_do_what_it_needs_and_no_more(
    release: Release,
    account: str,
    question: tuple[str, ...],
    answer: bool,  # noqa: FBT001 -- a table
) -> None:
    user = f"--as=system:serviceaccount:{NAMESPACE}:{account}"
    said = release.plane.kubectl("auth", "can-i", *question, user, check=False)
    assert said.stdout.strip() == ("yes" if answer else "no"), said.stderr


def _configuration(name: str) -> Manifest:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [],
    }


def _apply_as(release: Release, account: str, manifest: Manifest, *flags: str) -> str:
    """Apply as an account, with its token; return what was said if it failed."""
    user = f"--kubeconfig={release.plane.pki}/{account}.kubeconfig"
    done = release.plane.kubectl(*_APPLY, user, *flags, input=json.dumps(manifest), check=False)
    return "" if done.returncode == 0 else done.stderr


def test_the_operator_creates_by_name_only(release: Release) -> None:
    own = _configuration("revet")
    assert _apply_as(release, OPERATOR, own) == ""
    assert "forbidden" in _apply_as(release, OPERATOR, _configuration("other"))
    metadata = {"name": SECRET, "namespace": NAMESPACE}
    secret: Manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
    assert _apply_as(release, OPERATOR, secret) == ""
    secret["metadata"]["name"] = "other"
    assert "forbidden" in _apply_as(release, OPERATOR, secret)
    assert "forbidden" in _apply_as(release, WEBHOOK, own)
    release.plane.kubectl("delete", "validatingwebhookconfiguration", "revet")
    release.plane.kubectl("delete", "secret", SECRET, _OWN)


def test_the_operator_brings_no_namespace_back(release: Release) -> None:
    lost = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "release-lost"}}
    assert "forbidden" in _apply_as(release, OPERATOR, lost)


def test_the_operator_writes_the_status_and_nothing_else(release: Release) -> None:
    written = policy("release-status", {"release": "status"})
    release.plane.apply(written)
    condition = {
        "type": "Accepted",
        "status": "True",
        "reason": "Valid",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    status = {key: written[key] for key in ("apiVersion", "kind", "metadata")}
    status |= {"status": {"conditions": [condition]}}
    assert _apply_as(release, OPERATOR, status, "--subresource=status") == ""
    assert "forbidden" in _apply_as(release, OPERATOR, written)
    release.plane.kubectl("delete", "hardeningpolicy", "release-status")
