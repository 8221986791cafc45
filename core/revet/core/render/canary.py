"""The canary's objects: two pods, and the NetworkPolicy that denies one of two connections."""

from typing import Final

from revet.core.canary import COMPARE, CONTROL
from revet.core.model.meta import CANARY_LABEL, Manifest, Owner

#: The port that the NetworkPolicy allows, and the one that it leaves denied.
ALLOWED: Final = 7001
DENIED: Final = 7002
SERVER: Final = "server"
CLIENT: Final = "client"

_PROGRAM: Final = "revet-canary"
_COMPONENT: Final = "app.kubernetes.io/component"
_RESOURCES: Final = {"cpu": "100m", "memory": "64Mi"}


def render_server(run: str, namespace: str, image: str, owner: Owner, step_s: float) -> Manifest:
    """Write the pod that is connected to."""
    serve = _container("serve", image, ["serve", f"{ALLOWED}", f"{DENIED}"])
    return _pod(run, namespace, SERVER, owner, step_s, containers=[serve])


def render_client(
    run: str, namespace: str, image: str, owner: Owner, step_s: float, address: str
) -> Manifest:
    """Write the pod that connects: first without a NetworkPolicy, then while there is one."""
    # The rest of a step is for what comes before it: to schedule, to pull, to start.
    within = f"--within={step_s / 2:g}"
    control = _container(CONTROL, image, ["reach", address, f"{DENIED}", within])
    compare = _container(COMPARE, image, ["compare", address, f"{ALLOWED}", f"{DENIED}", within])
    return _pod(
        run, namespace, CLIENT, owner, step_s, initContainers=[control], containers=[compare]
    )


def render_denial(run: str, namespace: str, owner: Owner) -> Manifest:
    """Write the NetworkPolicy: to the server's one port from the client, and nothing else."""
    allowed = {
        "from": [{"podSelector": {"matchLabels": _labels(run, CLIENT)}}],
        "ports": [{"protocol": "TCP", "port": ALLOWED}],
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(run, namespace, "denial", owner),
        "spec": {
            "podSelector": {"matchLabels": _labels(run, SERVER)},
            "policyTypes": ["Ingress"],
            "ingress": [allowed],
        },
    }


def _pod(
    run: str, namespace: str, role: str, owner: Owner, step_s: float, **containers: list[Manifest]
) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _metadata(run, namespace, role, owner),
        "spec": {
            **containers,
            "restartPolicy": "Never",
            # It ends also where nobody is left to delete it; there are three steps.
            "activeDeadlineSeconds": max(1, int(4 * step_s)),
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "runAsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
        },
    }


def _container(name: str, image: str, args: list[str]) -> Manifest:
    return {
        "name": name,
        "image": image,
        "command": [_PROGRAM],
        "args": args,
        # So that the status says why it failed: the pod is soon gone, and its log with it.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": {"requests": _RESOURCES, "limits": _RESOURCES},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _metadata(run: str, namespace: str, role: str, owner: Owner) -> Manifest:
    return {
        "name": f"canary-{run}-{role}",
        "namespace": namespace,
        "labels": _labels(run, role),
        "ownerReferences": [owner.reference],
    }


def _labels(run: str, role: str) -> dict[str, str]:
    return {CANARY_LABEL: run, "app.kubernetes.io/name": "revet", _COMPONENT: f"canary-{role}"}
