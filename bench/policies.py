"""The policies that our webhook serves while it is measured, and the calls that they cause."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from bench.apiserver import LABEL
from revet.core.checks import ALL
from revet.core.compiled_policy import CompiledPolicy
from revet.core.model.policy import parse_policy
from revet.core.render.webhook import Backend, webhook_configurations

VALIDATE, MUTATE, FULL = "validate", "mutate", "restricted"
"""A policy that only judges, one that patches too, and one with all controls that its profile has.

The first two judge just what Pod Security does, to be compared with it. Each selects the namespaces
so labelled.
"""


class Calls(NamedTuple):
    """What the API server calls for a pod where a policy applies: URLs by the entries' names."""

    mutating: dict[str, str]
    validating: dict[str, str]


def render_policies() -> list[dict[str, Any]]:
    """Render all three, of the profile restricted."""
    beyond = [{"id": check.id, "mode": "Disabled"} for check in ALL if check.level is None]
    patchable = (check.id for check in ALL if check.level is not None and check.patchable)
    unpatched = [{"id": control, "patch": False} for control in patchable]
    return [
        _render_policy(VALIDATE, [*beyond, *unpatched]),
        _render_policy(MUTATE, beyond),
        _render_policy(FULL, []),
    ]


def render_configurations(url: str, ca_pem: bytes) -> list[dict[str, Any]]:
    """Render the webhook configurations of the policies, as the product does."""
    return webhook_configurations(map(_compile, render_policies()), Backend(ca_pem, url), ())


def find_calls(configurations: Sequence[dict[str, Any]], policy: str) -> Calls:
    """Find what the configurations say of pods that are created where one policy is."""
    found = Calls({}, {})
    for configuration in configurations:
        is_mutating = configuration["kind"] == "MutatingWebhookConfiguration"
        for entry in configuration["webhooks"]:
            takes_new = any(
                "CREATE" in rule["operations"] and "pods" in rule["resources"]
                for rule in entry["rules"]
            )
            if takes_new and entry["namespaceSelector"]["matchLabels"] == {LABEL: policy}:
                calls = found.mutating if is_mutating else found.validating
                calls[entry["name"]] = entry["clientConfig"]["url"]
    return found


def _render_policy(name: str, controls: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "revet.dev/v1alpha1",
        "kind": "HardeningPolicy",
        "metadata": {"name": name},
        "spec": {
            "namespaceSelector": {"matchLabels": {LABEL: name}},
            "profile": "restricted",
            "enforcement": "Enforce",
            "controls": controls,
        },
    }


def _compile(policy: dict[str, Any]) -> CompiledPolicy:
    return CompiledPolicy.of(parse_policy(json.dumps(policy)))
