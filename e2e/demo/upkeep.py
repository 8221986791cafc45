"""The part of the story in which the operator keeps true what a policy asks for."""

import time
from typing import Final

from e2e.demo.stage import Stage

LABEL: Final = "pod-security.kubernetes.io/enforce"
_MOST_S: Final = 5  # what we promise: a foreign edit or delete is undone within it
_STATUS: Final = (
    r'{range .status.conditions[*]}{.type}={.status}: {.message}{"\n"}{end}'
    r'counts: {.status.counts}{"\n"}'
)


def keep_up(stage: Stage, namespace: str) -> None:
    """Tell of network isolation, Pod Security labels, and the status."""
    _isolate(stage, namespace)
    _label(stage, namespace)
    _status(stage)


def isolation(stage: Stage, namespace: str) -> dict[str, str]:
    """Return the uids of the NetworkPolicies in a namespace, by name."""
    path = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"
    metadata = [each["metadata"] for each in stage.ask(path)["items"]]
    return {each["name"]: each["uid"] for each in metadata}


def labels(stage: Stage, namespace: str) -> dict[str, str]:
    """Return the labels of a namespace."""
    found: dict[str, str] = stage.ask(f"/api/v1/namespaces/{namespace}")["metadata"]["labels"]
    return found


def _isolate(stage: Stage, namespace: str) -> None:
    stage.chapter("A policy cuts its namespaces off from the network, and they stay so")
    place = f"--namespace={namespace}"
    stage.say("spec.network: mode: Enforce, isolate: [Ingress, Egress], allow: {dns: true}")
    stage.apply_policy("policy-network.yaml", "NetworkIsolated")
    stage.kubectl("get", "networkpolicies", place)
    stood = isolation(stage, namespace)
    stage.expect(len(stood) == 2, "default deny, and DNS allowed")
    since = time.monotonic()
    stage.kubectl("delete", "networkpolicies", "--all", place)
    stage.clock(
        lambda: _is_anew(stood, isolation(stage, namespace)),
        "somebody deletes them, and both are back",
        "NetworkPolicies deleted to back",
        since,
        _MOST_S,
    )


def _is_anew(before: dict[str, str], now: dict[str, str]) -> bool:
    """Tell whether the same objects stand, every one made anew."""
    return set(before) == set(now) and not set(before.values()) & set(now.values())


def _label(stage: Stage, namespace: str) -> None:
    stage.chapter("It has the API server's own Pod Security hold as well")
    show = ("get", "namespace", namespace, f"--label-columns={LABEL}")
    stage.kubectl(*show)
    stage.say("spec.namespaces: mode: Enforce, podSecurity: {enforce: restricted}")
    stage.apply_policy("policy-labels.yaml", "BaselineApplied")
    stage.kubectl(*show)
    stage.expect(labels(stage, namespace)[LABEL] == "restricted", "the namespace is labelled")
    admitted, said = stage.apply("bad-pod.yaml", namespace)
    stage.expect(
        not admitted and 'violates PodSecurity "restricted' in said,
        "a bad pod is refused by the API server itself: that needs nothing of ours",
    )
    since = time.monotonic()
    stage.kubectl("label", "namespace", namespace, f"{LABEL}=privileged", "--overwrite")
    stage.clock(
        lambda: labels(stage, namespace)[LABEL] == "restricted",
        "somebody weakens the label, and it is back",
        "Pod Security label changed to back",
        since,
        _MOST_S,
    )


def _status(stage: Stage) -> None:
    stage.chapter("The status tells it all")

    def tells() -> bool:
        truth = [stage.condition("production", each).get("status") for each in kinds]
        drifts = stage.condition("production", "Drifted").get("message", "")
        counts = stage.policy_status("production").get("counts") or {}
        is_told = "was deleted" in drifts and "was edited" in drifts
        return truth == ["True"] * len(kinds) and is_told and counts.get("workloads") == 3

    kinds = ("Accepted", "Ready", "Enforcing", "NetworkIsolated", "BaselineApplied", "Drifted")
    stage.wait(tells, "all that was asked stands, and what others changed is named:")
    stage.kubectl("get", "hp")
    stage.kubectl("get", "hp", "production", f"--output=jsonpath={_STATUS}")
