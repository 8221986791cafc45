"""The NetworkPolicies of one policy in one namespace: default deny, and what is allowed besides.

Every field is explicit, since server-side apply takes away only what we have once written.
https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/
"""

import re
from typing import Final

from revet.core.model.meta import QUARANTINE_LABEL, Manifest
from revet.core.model.policy import GROUP, KIND, HardeningPolicy
from revet.core.model.policy_network import Direction, Network, Switch
from revet.core.model.selector import Operator, Requirement
from revet.core.render.owned import HASH_LENGTH, digest, owned_metadata
from revet.core.render.selector import render_selector

#: How all of them are named.
NAMES: Final = re.compile(rf"revet-[0-9a-f]{{{HASH_LENGTH}}}-(isolate|dns|same-namespace)")
# NetworkPolicies add up: an allow that selected a quarantined pod would open it again.
_NOT_QUARANTINED: Final = Requirement(key=QUARANTINE_LABEL, operator=Operator.DOES_NOT_EXIST)
# Where NodeLocal DNSCache listens on each node:
# https://kubernetes.io/docs/tasks/administer-cluster/nodelocaldns/
_NODE_LOCAL_DNS: Final = "169.254.20.10/32"
_DNS_PORT: Final = 53


def network_policies(policy: HardeningPolicy, namespace: str) -> list[Manifest]:
    """Return the NetworkPolicies that `policy` asks for in a namespace that it selects."""
    network = policy.spec.network
    if network is None or network.mode is not Switch.ENFORCE:
        return []
    manifests = [_isolate(policy, namespace, network)]
    if network.allow.dns and Direction.EGRESS in network.isolate:
        manifests.append(_dns(policy, namespace))
    if network.allow.same_namespace:
        manifests.append(_same_namespace(policy, namespace, network))
    return manifests


def is_policys(manifest: Manifest) -> bool:
    """Return whether a HardeningPolicy owns an object, whichever it is."""
    owners: list[Manifest] = manifest["metadata"].get("ownerReferences") or []
    return any(
        each.get("kind") == KIND and str(each.get("apiVersion")).startswith(f"{GROUP}/")
        for each in owners
    )


def is_named_for(name: str, policy: str) -> bool:
    """Return whether a NetworkPolicy has a name that is one of this policy's alone."""
    found = NAMES.fullmatch(name)
    return found is not None and name.split("-")[1] == digest(policy)


def _directions(network: Network) -> list[str]:
    return [each.value for each in Direction if each in network.isolate]


def _isolate(policy: HardeningPolicy, namespace: str, network: Network) -> Manifest:
    spec: Manifest = {
        "podSelector": render_selector(policy.spec.pod_selector),
        "policyTypes": _directions(network),
        "ingress": [],
        "egress": [],
    }
    return _manifest(policy, namespace, "isolate", "spec.network.isolate", spec)


def _dns(policy: HardeningPolicy, namespace: str) -> Manifest:
    servers: list[Manifest] = [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        },
        {"ipBlock": {"cidr": _NODE_LOCAL_DNS}},
    ]
    ports: list[Manifest] = [
        {"protocol": protocol, "port": _DNS_PORT} for protocol in ("UDP", "TCP")
    ]
    spec = _allow(policy, [Direction.EGRESS.value])
    spec["egress"] = [{"to": servers, "ports": ports}]
    return _manifest(policy, namespace, "dns", "spec.network.allow.dns", spec)


def _same_namespace(policy: HardeningPolicy, namespace: str, network: Network) -> Manifest:
    directions = _directions(network)
    spec = _allow(policy, directions)
    if Direction.INGRESS in directions:
        spec["ingress"] = [{"from": [{"podSelector": {}}]}]
    if Direction.EGRESS in directions:
        spec["egress"] = [{"to": [{"podSelector": {}}]}]
    source = "spec.network.allow.sameNamespace"
    return _manifest(policy, namespace, "same-namespace", source, spec)


def _allow(policy: HardeningPolicy, directions: list[str]) -> Manifest:
    selector = render_selector(policy.spec.pod_selector, [_NOT_QUARANTINED])
    return {"podSelector": selector, "policyTypes": directions, "ingress": [], "egress": []}


def _manifest(
    policy: HardeningPolicy, namespace: str, role: str, source: str, spec: Manifest
) -> Manifest:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": owned_metadata(policy, namespace, role, source),
        "spec": spec,
    }
