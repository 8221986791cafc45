"""The policies that our webhook serves while it is measured, and the calls that they cause."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from bench.apiserver import LABEL
from revet.core.compiled_policy import CompiledPolicy
from revet.core.model.catalog import PATCHABLE
from revet.core.model.policy import parse_policy
from revet.core.render.webhook import Backend, webhook_configurations

VALIDATE, MUTATE = "validate", "mutate"
"""A policy that only judges, and one that patches too; each selects the namespaces so labelled."""


class Calls(NamedTuple):
    """What the API server calls for a pod where a policy applies: URLs by the entries' names."""

    mutating: dict[str, str]
    validating: dict[str, str]


def render_policies() -> list[dict[str, Any]]:
    """Render both, with every control of the profile restricted."""
    unpatched = [{"id": control, "patch": False} for control in PATCHABLE]
    return [_render_policy(VALIDATE, unpatched), _render_policy(MUTATE, [])]


def render_configurations(url: str, ca_pem: bytes) -> list[dict[str, Any]]:
    """Render the webhook configurations of both policies, as the product does."""
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
