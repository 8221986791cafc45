"""`revet cleanup`: takes back what Revet wrote, also with all of its pods dead.

Run before `helm uninstall`. Whatever has an owner goes with it by the garbage collector; the Pod
Security labels on people's namespaces have none, so somebody must put back what stood there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from revet.adapters.kube import Kube, KubeError
from revet.adapters.objects import Objects
from revet.core.model.meta import MANAGED_BY, POD_SECURITY_ANNOTATION, Manifest
from revet.core.restoration import restoration

#: Entries first: nothing is refused while the rest is taken away.
_OWN_KINDS: Final = (
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingAdmissionPolicy",
    "NetworkPolicy",
)
#: What the API server says where an object has changed since it was read.
_CHANGED: Final = (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)
_MOST_ATTEMPTS: Final = 5
_SELECTOR: Final = ",".join(f"{key}={value}" for key, value in MANAGED_BY.items())


@dataclass(slots=True)
class Leftovers:
    """What there is to take back."""

    policies: list[Manifest] = field(default_factory=list)
    objects: list[Manifest] = field(default_factory=list)
    namespaces: list[Manifest] = field(default_factory=list)

    def describe(self) -> str:
        """Say what would go, a line a kind."""
        lines = [f"HardeningPolicy: {len(self.policies)}, deleted"]
        for kind in _OWN_KINDS:
            number = sum(each["kind"] == kind for each in self.objects)
            lines.append(f"{kind}: {number}, deleted")
        lines.append(f"Namespace: {len(self.namespaces)}, Pod Security labels put back")
        return "\n".join(lines)


async def find(kube: Kube) -> Leftovers:
    """Look for everything that Revet wrote.

    Raises:
        KubeError: something could not be listed.

    """
    objects = Objects(kube)
    found = Leftovers(policies=await objects.list("HardeningPolicy"))
    for kind in _OWN_KINDS:
        found.objects += await objects.list(kind, selector=_SELECTOR)
    found.namespaces = [
        each
        for each in await objects.list("Namespace")
        if POD_SECURITY_ANNOTATION in (each["metadata"].get("annotations") or {})
    ]
    return found


async def remove(kube: Kube, found: Leftovers, say: Callable[[str], None]) -> None:
    """Take it all back; `say` is told of each thing that is done.

    Raises:
        KubeError: something could not be written; what was done stays done.

    """
    objects = Objects(kube)
    # Policies first: an operator that still runs would put back what they ask for.
    for manifest in (*found.policies, *found.objects):
        await objects.delete(manifest)
        say(f"deleted {_name(manifest)}")
    for namespace in found.namespaces:
        await _put_back(objects, namespace["metadata"]["name"])
        say(f"put back the Pod Security labels of {_name(namespace)}")


async def _put_back(objects: Objects, name: str) -> None:
    """Put back the labels of a namespace as it stands now: an operator may still do so, too."""
    for attempt in range(_MOST_ATTEMPTS):
        namespace = await objects.get("Namespace", name)
        annotations = (namespace or {}).get("metadata", {}).get("annotations") or {}
        if namespace is None or POD_SECURITY_ANNOTATION not in annotations:
            return
        try:
            await objects.patch(namespace, restoration(namespace))
        except KubeError as error:
            if error.status not in _CHANGED or attempt + 1 == _MOST_ATTEMPTS:
                raise
        else:
            return


def _name(manifest: Manifest) -> str:
    metadata = manifest["metadata"]
    place = f"{metadata['namespace']}/" if "namespace" in metadata else ""
    return f"{manifest['kind']} {place}{metadata['name']}"
