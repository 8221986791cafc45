"""What stands in the measured cluster: namespaces of four teams, their pods, and five policies."""

import json
from collections.abc import Iterator
from typing import Any, Final

from bench.review import read_pod
from revet.core.model.policy import HardeningPolicy, parse_policy
from revet.core.network.facts import Place
from revet.core.render.networkpolicy import network_policies
from tests.support.manifests import Manifest, policy

PODS: Final = 10
"""In each namespace. Every other one says nothing of security."""
_TEAMS: Final = 4
_SCALE: Final = {"scale": "yes"}
_APPLY: Final = {"mode": "Enforce"}


def namespace_names(number: int) -> list[str]:
    """Name the namespaces."""
    return [f"scale-{index}" for index in range(number)]


def team(index: int) -> str:
    """Return the team that a namespace belongs to."""
    return f"team-{index % _TEAMS}"


def namespaces(number: int) -> Iterator[Manifest]:
    """Write the namespaces."""
    for index, name in enumerate(namespace_names(number)):
        labels = {**_SCALE, "team": team(index)}
        yield {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": labels},
        }


def pods(namespace: str) -> Iterator[Manifest]:
    """Write the pods of a namespace."""
    for index in range(PODS):
        pod: Manifest = json.loads(read_pod())
        pod["metadata"] = {"name": f"web-{index}", "namespace": namespace, "labels": {"app": "web"}}
        if index % 2:
            del pod["spec"]["securityContext"]
            for container in pod["spec"]["containers"]:
                del container["securityContext"]
        yield pod


def policies() -> list[Manifest]:
    """Write one policy for all namespaces and one for each team: each isolates and labels."""
    everywhere = policy(
        "platform",
        _SCALE,
        profile="baseline",
        network=_APPLY,
        namespaces={**_APPLY, "podSecurity": {"warn": "baseline", "audit": "baseline"}},
    )
    teams = [
        policy(
            f"team-{index}",
            {"team": f"team-{index}"},
            network={**_APPLY, "allow": {"sameNamespace": True}},
            namespaces={**_APPLY, "podSecurity": {"warn": "restricted"}},
        )
        for index in range(_TEAMS)
    ]
    return [everywhere, *teams]


def wanted(number: int) -> dict[str, list[Manifest]]:
    """Render, by namespace, the NetworkPolicies that the policies ask for, without owners."""
    platform, *teams = map(_parse, policies())
    return {
        name: [
            _without_owner(each)
            for asking in (platform, teams[index % _TEAMS])
            for each in network_policies(asking, Place(name))
        ]
        for index, name in enumerate(namespace_names(number))
    }


def labels() -> dict[str, str]:
    """Return labels as many as the operator writes on each namespace."""
    prefix = "pod-security.kubernetes.io/"
    said = {"warn": "baseline", "audit": "baseline"}
    versions = {f"{mode}-version": "latest" for mode in said}
    return {prefix + key: value for key, value in (said | versions).items()}


def _parse(manifest: dict[str, Any]) -> HardeningPolicy:
    metadata = {**manifest["metadata"], "uid": "none", "generation": 1}
    return parse_policy(json.dumps({**manifest, "metadata": metadata}))


def _without_owner(manifest: Manifest) -> Manifest:
    metadata = {key: each for key, each in manifest["metadata"].items() if key != "ownerReferences"}
    return {**manifest, "metadata": metadata}
