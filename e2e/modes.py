"""Policies of every mode, a namespace for each, and what is seen of them from outside."""

import json
from typing import Any

from e2e.api import Api, wait_for
from e2e.webhook import Webhook
from revet.core.checks import ALL
from tests.support.manifests import Manifest, pod, policy

CONTROLS = [
    "no-privilege-escalation",
    "run-as-non-root",
    "seccomp-required",
    "drop-all-capabilities",
]
_LIVE = {"namespaceSelector": {"matchLabels": {"stage": "live"}}, "enforcement": "Enforce"}
_SYSTEM = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["kube-system"]}
# The standards alone: what is seen of a mode does not change with each control that is added.
_STANDARDS = [{"id": check.id, "mode": "Disabled"} for check in ALL if check.level is None]
_UNPATCHED = [*_STANDARDS, *({"id": each, "patch": False} for each in CONTROLS)]
POLICIES = [
    policy("audit", {"mode": "audit"}, controls=_STANDARDS),
    policy("warn", {"mode": "warn"}, enforcement="Warn", controls=_STANDARDS),
    policy("enforce", {"mode": "enforce"}, enforcement="Enforce", controls=_UNPATCHED),
    policy("patch", {"mode": "patch"}, enforcement="Enforce", controls=_STANDARDS),
    policy(
        "softly",
        {"mode": "softly"},
        enforcement="Enforce",
        templates="Warn",
        controls=_STANDARDS,
    ),
    policy("gradual", {"mode": "gradual"}, enforcementOverrides=[_LIVE], controls=_STANDARDS),
    policy("second", {"second": "yes"}, enforcement="Enforce", profile="baseline"),
    policy("third", {"third": "yes"}, enforcement="Warn", profile="baseline"),
    policy(
        "system",
        {},
        enforcement="Enforce",
        namespaceSelector={"matchExpressions": [_SYSTEM]},
    ),
]
LABELS = {
    "audit": {"mode": "audit"},
    "warn": {"mode": "warn"},
    "enforce": {"mode": "enforce"},
    "patch": {"mode": "patch"},
    "softly": {"mode": "softly"},
    "early": {"mode": "gradual", "stage": "early"},
    "live": {"mode": "gradual", "stage": "live"},
    "both": {"mode": "enforce", "second": "yes"},
    "mixed": {"mode": "enforce", "third": "yes"},
    "outside": {"mode": "none"},
}


def is_judged(webhook: Webhook, api: Api, namespace: str) -> bool:
    """Ask about a pod, and tell whether the webhook was called."""
    api.create(pod("probe"), namespace, dry_run=True)
    return any(line["namespace"] == namespace for line in webhook.decisions())


def read_findings(webhook: Webhook, namespace: str, name: str) -> list[Any]:
    """Read the annotations `findings` of an object's creation from the API server's audit log."""
    found: list[Any] = []

    def is_there() -> bool:
        for line in webhook.plane.audit_log.read_text().splitlines():
            if f'"{namespace}"' in line and f'"{name}"' in line:
                event = json.loads(line)
                found.extend(
                    json.loads(value)
                    for key, value in event.get("annotations", {}).items()
                    if key.endswith(".revet.dev/findings")
                )
        return bool(found)

    wait_for(is_there, f"audit annotation of {name}")
    return found


def kubectl_create(webhook: Webhook, namespace: str, manifest: Manifest) -> tuple[int, str, str]:
    """Create an object with kubectl; return its exit code and what it prints, and complains."""
    done = webhook.plane.kubectl(
        "create", "-f-", f"-n={namespace}", input=json.dumps(manifest), check=False
    )
    return done.returncode, done.stdout, done.stderr
