"""What stands of ours in a cluster, without what differs each time: to compare two ends."""

from collections.abc import Sequence
from typing import Any, Final

from e2e.api import Api
from e2e.release import NAMESPACE

_SECRETS: Final = f"/api/v1/namespaces/{NAMESPACE}/secrets"
NAMESPACES: Final = "/api/v1/namespaces"
POLICIES: Final = "/apis/revet.dev/v1alpha1/hardeningpolicies"
_REGISTRATION: Final = "/apis/admissionregistration.k8s.io/v1"
NETWORK_POLICIES: Final = "/apis/networking.k8s.io/v1/networkpolicies"
_MANAGED: Final = "?labelSelector=app.kubernetes.io/managed-by=revet"
#: What we make, Secrets besides.
_KINDS: Final = {
    "ValidatingWebhookConfiguration": f"{_REGISTRATION}/validatingwebhookconfigurations",
    "MutatingWebhookConfiguration": f"{_REGISTRATION}/mutatingwebhookconfigurations",
    "ValidatingAdmissionPolicy": f"{_REGISTRATION}/validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": f"{_REGISTRATION}/validatingadmissionpolicybindings",
    "NetworkPolicy": NETWORK_POLICIES,
}
Snapshot = dict[str, Any]


def read_standing(api: Api, namespaces: Sequence[str]) -> Snapshot:
    """Read what we made, by kind, namespace and name, and policies with their status.

    Of namespaces, those that are named. Uids, times and certificates are left out.
    """
    found: Snapshot = {
        _place(kind, each): _said(kind, each)
        for kind, path in (*_KINDS.items(), ("HardeningPolicy", POLICIES))
        for each in _items(api, path + _MANAGED * (kind in _KINDS))
    }
    for name in namespaces:
        namespace = api.send("GET", f"{NAMESPACES}/{name}").body
        found[f"Namespace {name}"] = _said("Namespace", namespace)
    for each in _items(api, _SECRETS):
        if each["metadata"]["name"].startswith("revet-webhook-"):
            found[_place("Secret", each)] = sorted(each["data"])
    return found


def delete_shared(api: Api) -> None:
    """Delete what no policy owns: guards, entries and Secrets, as if they had never been."""
    secrets = [each["metadata"]["name"] for each in _items(api, _SECRETS)]
    ours = [f"{_SECRETS}/{name}" for name in secrets if name.startswith("revet-webhook-")]
    kinds = [path for path in _KINDS.values() if path.startswith(_REGISTRATION)]
    for path in (*(f"{each}{_MANAGED}" for each in kinds), *ours):
        assert api.send("DELETE", path).is_success, path


def _items(api: Api, path: str) -> list[Snapshot]:
    items: list[Snapshot] = api.send("GET", path).body["items"]
    return items


def _place(kind: str, manifest: Snapshot) -> str:
    metadata = manifest["metadata"]
    return f"{kind} {metadata.get('namespace', '')}/{metadata['name']}"


def _said(kind: str, manifest: Snapshot) -> Snapshot:
    """Keep of an object what does not differ each time."""
    metadata = manifest["metadata"]
    said = {key: metadata.get(key) for key in ("labels", "annotations", "finalizers")}
    owners = metadata.get("ownerReferences", ())
    said["owners"] = [(each["kind"], each["name"]) for each in owners]
    if kind == "HardeningPolicy":
        status = manifest.get("status", {})
        conditions = status.get("conditions", ())
        said["conditions"] = {each["type"]: (each["status"], each["reason"]) for each in conditions}
        said["counts"] = status.get("counts")
    elif kind != "Namespace":
        said["spec"] = manifest.get("spec")
        said["webhooks"] = [_without_bundle(each) for each in manifest.get("webhooks", ())]
    return said


def _without_bundle(entry: Snapshot) -> Snapshot:
    """Replace the bundle, new with each authority, by whether there is one."""
    config = entry["clientConfig"]
    return {**entry, "clientConfig": {**config, "caBundle": bool(config["caBundle"])}}
