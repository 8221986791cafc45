"""Manifests that tests send: good and bad pods, the eight workload kinds around them, policies."""

from collections.abc import Mapping
from typing import Any

Manifest = dict[str, Any]

GOOD_CONTEXT: Manifest = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
#: The kinds that hold a template, with their apiVersion.
WORKLOADS: Mapping[str, str] = {
    "PodTemplate": "v1",
    "ReplicationController": "v1",
    "DaemonSet": "apps/v1",
    "Deployment": "apps/v1",
    "ReplicaSet": "apps/v1",
    "StatefulSet": "apps/v1",
    "CronJob": "batch/v1",
    "Job": "batch/v1",
}


def container(name: str = "app", **fields: object) -> Manifest:
    """Write a container that says nothing of security."""
    return {"name": name, "image": "registry.example/app:1"} | fields


def good_container(name: str = "app", **fields: object) -> Manifest:
    """Write a container that every restricted control passes."""
    return container(name, securityContext=dict(GOOD_CONTEXT)) | fields


def pod(name: str = "web", *containers: Manifest, **spec: object) -> Manifest:
    """Write a Pod; without containers it has one that says nothing of security."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": list(containers) or [container()]} | spec,
    }


def good_pod(name: str = "web") -> Manifest:
    """Write a Pod that every restricted control passes."""
    return pod(name, good_container())


def workload(kind: str, name: str = "web", *containers: Manifest) -> Manifest:
    """Write an object of one of the WORKLOADS, complete enough for the API server."""
    labels = {"app": name}
    spec: Manifest = {"containers": list(containers) or [container()]}
    template: Manifest = {"metadata": {"labels": labels}, "spec": spec}
    manifest: Manifest = {
        "apiVersion": WORKLOADS[kind],
        "kind": kind,
        "metadata": {"name": name},
    }
    if kind == "PodTemplate":
        return manifest | {"template": template}
    if kind == "CronJob":
        spec["restartPolicy"] = "Never"
        job = {"spec": {"template": template}}
        return manifest | {"spec": {"schedule": "0 0 1 1 *", "jobTemplate": job}}
    if kind == "Job":
        spec["restartPolicy"] = "Never"
        return manifest | {"spec": {"template": template}}
    selector = labels if kind == "ReplicationController" else {"matchLabels": labels}
    manifest |= {"spec": {"selector": selector, "template": template}}
    if kind != "DaemonSet":
        manifest["spec"]["replicas"] = 1
    if kind == "StatefulSet":
        manifest["spec"]["serviceName"] = name
    return manifest


def policy(name: str, labels: Mapping[str, str], **spec: object) -> Manifest:
    """Write a HardeningPolicy, restricted, for namespaces with these labels."""
    return {
        "apiVersion": "revet.dev/v1alpha1",
        "kind": "HardeningPolicy",
        "metadata": {"name": name},
        "spec": {"namespaceSelector": {"matchLabels": dict(labels)}, "profile": "restricted"}
        | spec,
    }


def namespace(name: str, labels: Mapping[str, str] | None = None) -> Manifest:
    """Write a Namespace as the API server stores it: labelled with its own name."""
    named = {"kubernetes.io/metadata.name": name} | dict(labels or {})
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": named}}
